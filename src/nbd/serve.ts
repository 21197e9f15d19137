import type { RandomAccessFile } from '../model/files/random-access.ts';
import type { Exports } from './export.ts';
import type { NbdLimits } from './limits.ts';
import {
  exportNameReply,
  infoData,
  optionReply,
  readClientFlags,
  readInfoRequest,
  readOptionHeader,
  serverData,
} from './negotiation.ts';
import {
  CLIENT_FLAGS_LENGTH,
  ERROR,
  GREETING,
  OPTION,
  OPTION_HEADER_LENGTH,
  REPLY,
  REQUEST_LENGTH,
} from './protocol.ts';
import { type Request, readRequest, replyHead } from './request.ts';

/** A connection's bytes. Its end, and a limit that is exceeded, reject with {@link Ended}. */
export interface Wire {
  /** Exactly so many bytes. */
  read(length: number): Promise<Buffer>;
  /** Resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void>;
}

/** The end of a connection; the message is half a sentence. */
export class Ended extends Error {}

/** The export that a client reads. */
interface Chosen {
  readonly name: string;
  readonly source: RandomAccessFile;
}

/**
 * Negotiates with a client until it has chosen an export; undefined if it leaves without one.
 * @throws Ended where it breaks the protocol or its limits
 */
export async function negotiate(wire: Wire, exports: Exports, limits: NbdLimits): Promise<Chosen | undefined> {
  await wire.write(GREETING);
  const client = readClientFlags(await wire.read(CLIENT_FLAGS_LENGTH));
  if (!client) throw new Ended('the client does not speak fixed newstyle negotiation');
  for (let count = 0; count < limits.options; count++) {
    const header = readOptionHeader(await wire.read(OPTION_HEADER_LENGTH));
    if (!header) throw new Ended('no option where one was expected');
    const { option, length } = header;
    if (length > limits.optionLength) throw new Ended(`an option of ${length} bytes`);
    const data = await wire.read(length);
    const reply = (type: number, more?: Uint8Array) => wire.write(optionReply(option, type, more));
    switch (option) {
      case OPTION.exportName: {
        // This option has no error reply.
        const name = data.toString('utf8');
        const source = await exports.open(name);
        if (!source) throw new Ended(`there is no export ${JSON.stringify(name.slice(0, 80))}`);
        return await describe(name, source, () => wire.write(exportNameReply(source.size, client.zeroes)));
      }
      case OPTION.info:
      case OPTION.go: {
        const asked = readInfoRequest(data);
        const source = asked && (await exports.open(asked.name));
        if (!asked) await reply(REPLY.invalid);
        else if (!source) await reply(REPLY.unknown, Buffer.from('there is no such export'));
        else {
          const chosen = await describe(asked.name, source, async () => {
            for (const info of infoData(source.size, asked.wanted)) await reply(REPLY.info, info);
            await reply(REPLY.ack);
          });
          if (option === OPTION.go) return chosen;
          await source.close();
        }
        break;
      }
      case OPTION.list:
        if (length > 0) await reply(REPLY.invalid);
        else {
          for (const name of exports.names()) await reply(REPLY.server, serverData(name));
          await reply(REPLY.ack);
        }
        break;
      case OPTION.abort:
        await reply(REPLY.ack);
        return undefined;
      default:
        await reply(REPLY.unsupported);
    }
  }
  throw new Ended(`more than ${limits.options} options`);
}

/** Sends the replies that describe an export, which is closed if that fails. */
async function describe(name: string, source: RandomAccessFile, send: () => Promise<void>): Promise<Chosen> {
  try {
    await send();
    return { name, source };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Callbacks while requests are answered. */
export interface Watcher {
  /** Bytes that were handed to the network. */
  sent(bytes: number): void;
  /** A read was answered with an error. */
  failed(why: string): void;
}

/**
 * Answers a client's requests, in their order, until it disconnects.
 * @throws Ended where it breaks the protocol or its limits, or where bytes fail in the middle of a reply
 */
export async function transmit(
  wire: Wire,
  source: RandomAccessFile,
  limits: NbdLimits,
  watcher: Watcher,
): Promise<void> {
  for (;;) {
    const request = readRequest(await wire.read(REQUEST_LENGTH), source.size);
    if (!request) throw new Ended('no request where one was expected');
    if (request.kind === 'disconnect') return;
    if (request.kind === 'read') {
      await answerRead(wire, source, request, limits.chunk, watcher);
      continue;
    }
    for (let left = request.skip; left > 0; ) left -= (await wire.read(Math.min(left, limits.chunk))).length;
    await wire.write(replyHead(request.cookie, request.error));
  }
}

const OVERWRITTEN = 'this version was overwritten: replace artifacts by renaming the new file over the old';

async function answerRead(
  wire: Wire,
  source: RandomAccessFile,
  { cookie, offset, length }: Extract<Request, { kind: 'read' }>,
  chunk: number,
  { sent, failed }: Watcher,
): Promise<void> {
  const head = replyHead(cookie, ERROR.none);
  let done = 0;
  do {
    const room = done === 0 ? head.length : 0;
    const bytes = Buffer.allocUnsafe(room + Math.min(length - done, chunk));
    if (room > 0) bytes.set(head);
    const data = bytes.subarray(room);
    try {
      const count = await source.read(data, offset + done);
      if (count < data.length) throw new Error(OVERWRITTEN);
    } catch (error) {
      failed((error as Error).message);
      // The head of the reply was sent by then, without an error.
      if (done > 0) throw new Ended('the image could not be read any further');
      return wire.write(replyHead(cookie, ERROR.io));
    }
    await wire.write(bytes);
    done += data.length;
    sent(data.length);
  } while (done < length);
}
