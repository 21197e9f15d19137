import type { TftpLimits } from '../limits.ts';
import type { Negotiated } from '../options.ts';
import { DATA_HEADER, decodePacket, ERROR, encodeBlocks, encodePacket } from '../packet.ts';
import { type Blocks, readBlocks, type SentFile } from './file.ts';
import { asked, onAck, onTimeout, patience, unmeasured } from './rtt.ts';
import { endAt, type Input, newTransfer, type Output, step } from './transfer.ts';

/** Why the server itself ends a transfer. */
export type AbortReason = 'busy' | 'stopped' | 'replaced';

/** How a session ended. */
export type Outcome =
  | { readonly kind: 'done'; readonly confirmed: boolean }
  | { readonly kind: 'probe' }
  | {
      readonly kind: 'failed';
      readonly reason: 'client-error' | 'client-gone' | 'too-slow' | 'read-error' | AbortReason;
      /** What the client or the system said about it. */
      readonly detail: string;
    };

/** What a session needs. */
export interface SessionOptions {
  readonly file: SentFile;
  readonly negotiated: Negotiated;
  readonly limits: TftpLimits;
  /**
   * Sends to the client: one datagram, or several of a size, one behind the other, of which the last may be shorter.
   * What is lost on the way, or cannot be sent, is sent again in time. The memory is used again for the next.
   */
  readonly send: (datagrams: Uint8Array, size?: number) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Called once, never during {@link startSession}; nothing is sent any more. */
  readonly ended: (outcome: Outcome) => void;
}

/** One transfer under way: the pure machine joined to a clock, a file and a way to send. */
export interface Session {
  /** Takes a datagram from the client. */
  receive(datagram: Uint8Array): void;
  /** The client repeats its request. True if nothing was acknowledged yet: then the first answer is sent again. */
  repeat(): boolean;
  /** The system refused to send a datagram, which therefore nobody has seen. */
  unsent(): void;
  /** Whether the client has acknowledged anything. */
  answered(): boolean;
  /** The file's octets as far as known; see {@link Blocks.size}. */
  size(): number | undefined;
  /** Blocks sent again so far. */
  retransmits(): number;
  /** Ends the session, with an ERROR to the client unless it has begun anew from the same port. */
  abort(reason: AbortReason): void;
}

/** Milliseconds of silence before a client that never answered is given up: its address may be forged. */
const UNANSWERED_SILENCE = 16_000;

/** The most that is sent in one go: what an IPv4 datagram holds, and as many as the kernel cuts (Linux: UDP_MAX_SEGMENTS). */
const MOST_OCTETS = 65_507;
const MOST_BLOCKS = 64;
/** Where packets are made, of whatever transfer: memory of its own for each would keep the garbage collector busy. */
const SCRATCH = new Uint8Array(MOST_OCTETS);

const ABORT_MESSAGES: Readonly<Record<AbortReason, string | undefined>> = {
  busy: 'The server is busy, try again later',
  stopped: 'The server is shutting down',
  // The client waits for the answer to its new request and would take this for it.
  replaced: undefined,
};

/** Starts a transfer: the first packet is sent at once, or as soon as the first block is read. */
export function startSession({ file, negotiated, limits, send, now, ended }: SessionOptions): Session {
  const { blksize, windowsize, oack, timeout } = negotiated;
  const blocks: Blocks = readBlocks(file, blksize);
  const datagram = DATA_HEADER + blksize;
  const most = Math.max(1, Math.min(MOST_BLOCKS, Math.floor(MOST_OCTETS / datagram)));
  const started = now();
  let transfer = newTransfer(file.size, blksize, windowsize, oack.length > 0);
  let rtt = unmeasured(timeout);
  let retransmits = 0;
  /** The blocks still to be sent. */
  let [next, last] = [1, 0];
  let loading = false;
  /** When the last packet left; undefined while the next one waits for the disk. */
  let sentAt: number | undefined;
  /** When what is awaited an answer for was sent first. */
  let firstSentAt = 0;
  let awaited = false;
  let timer: NodeJS.Timeout | undefined;
  /** When it runs out. */
  let due = 0;
  let oackUnsent = false;
  let over = false;

  const end = (outcome: Outcome): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    ended(outcome);
  };
  const fail = (
    reason: (Outcome & { kind: 'failed' })['reason'],
    detail: string,
    message: string | undefined,
  ): void => {
    if (over) return;
    if (message !== undefined) send(encodePacket({ kind: 'error', code: ERROR.undefined, message }));
    end({ kind: 'failed', reason, detail });
  };

  /** What is due next, as far as it has been read and leaves in one go. */
  const ready = (): readonly Uint8Array[] => {
    const payloads: Uint8Array[] = [];
    while (payloads.length < most && next + payloads.length <= last) {
      const payload = blocks.get(next + payloads.length);
      if (!payload) break;
      payloads.push(payload);
    }
    return payloads;
  };
  /** What was read may have been the end. */
  const findEnd = (): void => {
    const size = blocks.size();
    if (size === undefined || transfer.blocks !== Number.POSITIVE_INFINITY) return;
    transfer = endAt(transfer, Math.floor(size / blksize) + 1);
    last = Math.min(last, transfer.blocks);
  };
  /** Sends what is due as far as it has been read. */
  const pump = (): void => {
    if (over) return;
    while (next <= last) {
      const payloads = ready();
      findEnd();
      if (next > last) break;
      if (payloads.length === 0) {
        load(next);
        return;
      }
      send(encodeBlocks(next, payloads, SCRATCH), datagram);
      next += payloads.length;
    }
    arm();
  };
  const load = (block: number): void => {
    sentAt = undefined;
    if (loading) return;
    loading = true;
    const loaded = (): void => {
      loading = false;
      pump();
    };
    blocks.load(block).then(loaded, (error) => fail('read-error', String(error), 'The file cannot be read'));
  };

  /**
   * Milliseconds that an answer may take. A second OACK makes atftp give up, and whether the first or its ACK was lost
   * cannot be told: so the OACK is sent again only when the client repeats its request, when it cannot have left, or
   * when the client's own timer must have run out twice, for those that repeat their ACK.
   */
  const allowed = (): number => (transfer.phase === 'oack' && !oackUnsent ? 2 * rtt.long : patience(rtt));
  /** Milliseconds until the answer is overdue; all that it may take while the disk is what everyone waits for. */
  const remaining = (): number => (sentAt === undefined ? allowed() : sentAt + allowed() - now());
  /** Starts the wait for an answer. A timer that runs is left alone: setting it anew for each packet costs. */
  const arm = (): void => {
    sentAt = now();
    if (!awaited) firstSentAt = sentAt;
    awaited = true;
    if (timer === undefined || due > sentAt + allowed()) setTimer();
  };
  const setTimer = (): void => {
    clearTimeout(timer);
    const wait = remaining();
    due = now() + wait;
    timer = setTimeout(onTimer, wait);
  };
  const onTimer = (): void => {
    if (now() - started > limits.total) fail('too-slow', '', 'The transfer takes too long');
    else if (remaining() > 0.5) setTimer();
    // The answer may lie in the socket since this process was busy: sockets are read before immediates run.
    else setImmediate(onSilence);
  };
  const onSilence = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (over) return;
    if (remaining() > 0.5) {
      setTimer();
      return;
    }
    rtt = onTimeout(rtt, allowed());
    const limit = transfer.answered ? limits.silence : Math.min(UNANSWERED_SILENCE, limits.silence);
    if (rtt.silence >= limit) advance({ kind: 'gone' });
    else advance({ kind: oackUnsent ? 'again' : 'timeout' });
    // Nothing was sent where that would be too many copies: the client may yet answer one.
    if (timer === undefined && !over && !loading) arm();
  };

  const perform = (output: Output, detail: string): void => {
    switch (output.kind) {
      case 'send-oack':
        oackUnsent = false;
        send(encodePacket({ kind: 'oack', options: oack }));
        arm();
        break;
      case 'send-data':
        if (output.from !== last + 1) next = output.from;
        last = output.to;
        retransmits += output.again;
        pump();
        break;
      case 'progress':
        rtt = onAck(rtt, output.once && sentAt !== undefined, now() - (sentAt ?? now()), now() - firstSentAt);
        awaited = false;
        blocks.release(transfer.acked);
        break;
      case 'failed':
        end({ kind: 'failed', reason: output.reason, detail });
        break;
      case 'done':
      case 'probe':
        end(output);
        break;
    }
  };
  const advance = (input: Input, detail = ''): void => {
    const [following, outputs] = step(transfer, input);
    transfer = following;
    for (const output of outputs) perform(output, detail);
  };

  advance({ kind: 'start' });
  return {
    receive(datagram) {
      const packet = decodePacket(datagram);
      if (packet.kind === 'ack') advance(packet);
      else if (packet.kind === 'error') advance(packet, `${packet.code} ${packet.message}`);
    },
    repeat() {
      if (over || transfer.answered) return false;
      rtt = asked(rtt);
      advance({ kind: 'again' });
      return true;
    },
    unsent() {
      if (over || transfer.phase !== 'oack') return;
      oackUnsent = true;
      setTimer();
    },
    answered: () => transfer.answered,
    size: blocks.size,
    retransmits: () => retransmits,
    abort: (reason) => fail(reason, '', ABORT_MESSAGES[reason]),
  };
}
