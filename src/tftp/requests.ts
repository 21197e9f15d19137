import { SourceBudget } from '../model/limits/source-budget.ts';
import { declinedEvent, limitedEvent, requestEvent, type Subject, subject } from './events.ts';
import { makeRoom } from './make-room.ts';
import { decodePacket, ERROR, type Request } from './packet.ts';
import { normaliseName } from './path.ts';
import { type Download, type DownloadOptions, type Peer, startDownload } from './transfer/download.ts';

/** The requests of all clients: tells new ones from repeated ones and bounds the number of downloads. */
export interface Requests {
  /** Takes a datagram sent to the listening port. */
  receive(datagram: Uint8Array, from: Peer): void;
  /**
   * Resolves when every download is closed.
   * @param graceMs how long those under way may go on before they are ended
   */
  drain(graceMs: number): Promise<void>;
}

/** Options are those of the downloads. */
export function receiveRequests(options: Omit<DownloadOptions, 'budget' | 'changed'>): Requests {
  const { refuse, record, limits, now } = options;
  const budget = new SourceBudget(limits.unproven, (address) => record(limitedEvent(address)));
  /** By the client's address and port, oldest first. */
  const downloads = new Map<string, Download & { readonly request: string }>();
  const isBusy = (): boolean => [...downloads.values()].some(({ state }) => state !== 'over');
  let drained = (): void => {};

  const start = (request: Request, name: string, peer: Peer, about: Subject): void => {
    const key = about.client;
    const text = JSON.stringify(request);
    const before = downloads.get(key);
    // The same request again: its answer was lost, or is on the way.
    if (before?.request === text && before.repeat()) return;
    // A new request from the same port, as firmware with a fixed port sends: the client has forgotten the old one.
    before?.end('replaced');
    if (downloads.size >= limits.transfers) {
      const loser = makeRoom(downloads.values(), peer.address);
      if (!loser) {
        refuse(peer, ERROR.undefined, 'The server is busy, try again later');
        record(declinedEvent('refused', about, 'busy'));
        return;
      }
      loser.end('busy');
    }
    record(requestEvent(about));
    const changed = (): void => {
      if (entry.state === 'closed' && downloads.get(key) === entry) downloads.delete(key);
      drained();
    };
    const download = startDownload(request, name, peer, about, { ...options, budget, changed });
    const entry = Object.assign(download, { request: text });
    downloads.set(key, entry);
  };

  const answer = (request: Request, peer: Peer): void => {
    const about = subject(`${peer.address}:${peer.port}`, request.filename);
    const reject = (reason: string, code: number, message: string): void => {
      refuse(peer, code, message);
      record(declinedEvent('refused', about, reason));
    };
    const mode = request.mode.toLowerCase();
    const path = normaliseName(request.filename);
    if (request.kind === 'write') {
      reject('write', ERROR.accessViolation, 'This server is read-only');
    } else if (mode !== 'octet' && mode !== 'netascii') {
      reject('mode', ERROR.illegalOperation, 'Only the modes octet and netascii are served');
    } else if (path.ok) {
      start(request, path.name, peer, subject(about.client, path.name));
    } else if (path.reason === 'parent') {
      reject(path.reason, ERROR.accessViolation, 'Access violation');
    } else {
      reject(path.reason, ERROR.fileNotFound, 'File not found');
    }
  };

  return {
    receive(datagram, from) {
      // Nothing but requests is answered, so that nobody can be made to echo.
      const packet = decodePacket(datagram);
      if (packet.kind !== 'read' && packet.kind !== 'write') return;
      if (budget.take(from.address, now())) answer(packet, from);
    },
    async drain(graceMs) {
      if (graceMs > 0 && isBusy()) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, graceMs);
          drained = () => {
            if (isBusy()) return;
            clearTimeout(timer);
            resolve();
          };
        });
      }
      for (const download of [...downloads.values()]) download.end('stopped');
    },
  };
}
