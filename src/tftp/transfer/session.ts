import type { TftpLimits } from '../limits.ts';
import type { Negotiated } from '../options.ts';
import { DATA_HEADER, decodePacket, ERROR, encodeBlocks, encodePacket } from '../packet.ts';
import { AnswerTimer } from './answer-timer.ts';
import { readBlocks, type SentFile } from './blocks.ts';
import { endAt, type Input, isAllSent, newTransfer, type Output, step } from './transfer.ts';

/** Why the server itself ends a transfer. */
export type AbortReason = 'busy' | 'stopped' | 'replaced';

/** Why a transfer failed. */
type FailReason = 'client-error' | 'client-gone' | 'too-slow' | 'read-error' | AbortReason;

/** How a session ended. */
export type Outcome =
  | { readonly kind: 'done'; readonly confirmed: boolean }
  | { readonly kind: 'probe' }
  | {
      readonly kind: 'failed';
      readonly reason: FailReason;
      /** The words of the client or the system; may be empty. */
      readonly detail: string;
    };

/** Figures of a transfer, for its event. */
export interface Figures {
  /**
   * Octets that the client has: of a transfer that failed, those that it acknowledged, undefined where it never answered.
   */
  readonly bytes: number | undefined;
  readonly seconds: number;
  /** Blocks sent more than once. */
  readonly retransmits: number;
}

/** Options of {@link startSession}. */
export interface SessionOptions {
  readonly file: SentFile;
  readonly negotiated: Negotiated;
  readonly limits: TftpLimits;
  /**
   * Sends to the client: one datagram, or several of a size, one behind the other, of which the last may be shorter.
   * A datagram that is lost, or cannot be sent, is sent again in time. The memory is used again for the next.
   */
  readonly send: (datagrams: Uint8Array, size?: number) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Called once, never during {@link startSession}; nothing is sent any more. */
  readonly ended: (outcome: Outcome, figures: Figures) => void;
}

/** One transfer under way: the pure machine joined to a clock, a file and a way to send. */
export interface Session {
  /** Takes a datagram from the client. */
  receive(datagram: Uint8Array): void;
  /**
   * The client repeats its request. True if nothing was acknowledged yet: then the first answer is sent again; and while
   * the transfer moves: then nothing is to be done. Otherwise the client has begun anew.
   */
  repeat(): boolean;
  /** The system refused to send a datagram, so the client cannot have it. */
  unsent(): void;
  /** Whether the client has acknowledged anything. */
  answered(): boolean;
  /** Ends the session, with an ERROR to the client unless it has begun anew from the same port. */
  abort(reason: AbortReason): void;
}

/** Milliseconds of silence before a client that never answered is given up: its address may be forged. */
const UNANSWERED_SILENCE = 16_000;
/** Milliseconds since its last progress for which a transfer moves: less than any client waits before it asks again. */
const MOVING = 250;
/**
 * A client that is still there answers one of the copies of the last blocks within this time, milliseconds: a server
 * that stops need not wait longer to know that the client has them and has gone.
 */
const HAS_GONE = 5000;

/** The most that is sent at a time: octets of an IPv4 datagram, and blocks that Linux cuts (UDP_MAX_SEGMENTS). */
const MAX_OCTETS = 65_507;
const MAX_BLOCKS = 64;
/** Memory in which all transfers write their packets: one for each would keep the garbage collector busy. */
const SCRATCH = new Uint8Array(MAX_OCTETS);

const ABORT_MESSAGES: Readonly<Record<AbortReason, string | undefined>> = {
  busy: 'The server is busy, try again later',
  stopped: 'The server is shutting down',
  // The client waits for the answer to its new request and would take this for it.
  replaced: undefined,
};

/** Starts a transfer: the first packet is sent at once, or as soon as the first block is read. */
export function startSession({ file, negotiated, limits, send, now, ended }: SessionOptions): Session {
  const { blksize, windowsize, oack, timeout } = negotiated;
  const blocks = readBlocks(file, blksize);
  const datagram = DATA_HEADER + blksize;
  const atOnce = Math.max(1, Math.min(MAX_BLOCKS, Math.floor(MAX_OCTETS / datagram)));
  const started = now();
  let transfer = newTransfer(file.size, blksize, windowsize, oack.length > 0);
  let retransmits = 0;
  /** The blocks still to be sent. */
  let [next, last] = [1, 0];
  let loading = false;
  let oackUnsent = false;
  let movedAt = started;
  let over = false;

  const end = (outcome: Outcome): void => {
    if (over) return;
    over = true;
    timer.stop();
    const seconds = Math.round(now() - started) / 1000;
    const answered = transfer.answered ? Math.min(transfer.acked * blksize, blocks.size() ?? Infinity) : undefined;
    const bytes = outcome.kind === 'failed' ? answered : blocks.size();
    ended(outcome, { bytes, seconds, retransmits });
  };
  const fail = (reason: FailReason, detail: string, message: string | undefined): void => {
    if (over) return;
    if (message !== undefined) send(encodePacket({ kind: 'error', code: ERROR.undefined, message }));
    end({ kind: 'failed', reason, detail });
  };

  const timer = new AnswerTimer({
    timeout,
    now,
    isOackSent: () => transfer.phase === 'oack' && !oackUnsent,
    onTick: () => {
      if (now() - started > limits.total) fail('too-slow', '', 'The transfer takes too long');
    },
    onOverdue: (silence) => {
      const limit = transfer.answered ? limits.silence : Math.min(UNANSWERED_SILENCE, limits.silence);
      if (silence >= limit) advance({ kind: 'gone' });
      else advance({ kind: oackUnsent ? 'again' : 'timeout' });
    },
  });

  /** Notes the end of the file where the last read found it. */
  const findEnd = (): void => {
    const size = blocks.size();
    if (size === undefined || transfer.blocks !== Number.POSITIVE_INFINITY) return;
    transfer = endAt(transfer, Math.floor(size / blksize) + 1);
    last = Math.min(last, transfer.blocks);
  };
  /** Sends the blocks that are due as far as they have been read. */
  const pump = (): void => {
    if (over) return;
    while (next <= last) {
      const payloads = blocks.take(next, Math.min(last, next + atOnce - 1));
      findEnd();
      if (next > last) break;
      if (payloads.length === 0) {
        load(next);
        return;
      }
      send(encodeBlocks(next, payloads, SCRATCH), datagram);
      next += payloads.length;
    }
    timer.sent();
  };
  const load = (block: number): void => {
    timer.waitForDisk();
    if (loading) return;
    loading = true;
    const loaded = (): void => {
      loading = false;
      pump();
    };
    blocks.load(block).then(loaded, (error) => fail('read-error', String(error), 'The file cannot be read'));
  };

  const perform = (output: Output, detail: string): void => {
    switch (output.kind) {
      case 'send-oack':
        oackUnsent = false;
        send(encodePacket({ kind: 'oack', options: oack }));
        timer.sent();
        break;
      case 'send-data':
        if (output.from !== last + 1) next = output.from;
        last = output.to;
        retransmits += output.again;
        pump();
        break;
      case 'progress':
        movedAt = now();
        timer.progress(output.once);
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
      if (over) return false;
      // A copy that the network made. A client that has forgotten its download asks again.
      if (transfer.answered) return now() - movedAt < MOVING;
      timer.asked();
      advance({ kind: 'again' });
      return true;
    },
    unsent() {
      if (over || transfer.phase !== 'oack') return;
      oackUnsent = true;
      timer.start();
    },
    answered: () => transfer.answered,
    abort(reason) {
      if (reason === 'stopped' && isAllSent(transfer) && now() - movedAt > HAS_GONE) advance({ kind: 'gone' });
      else fail(reason, '', ABORT_MESSAGES[reason]);
    },
  };
}
