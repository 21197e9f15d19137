/**
 * The state of one read transfer: the blocks that are sent, sent again and acknowledged. Blocks are numbered from 1
 * without wrapping; on the wire modulo 65536, so that 0 follows 65535.
 */
export interface Transfer {
  /** `oack`: the OACK waits for its ACK 0. `over`: nothing is sent any more. */
  readonly phase: 'oack' | 'data' | 'over';
  /**
   * DATA packets of the file, the last of them shorter than a block, possibly empty; infinite until that is known.
   */
  readonly blocks: number;
  readonly windowsize: number;
  /** All blocks up to this one are acknowledged. */
  readonly acked: number;
  /** The last block sent. */
  readonly sent: number;
  /**
   * The last block of which two copies may have been sent, -1 before any (the OACK counts as 0). Clients answer a
   * second copy as they do a gap, with an ACK of what they have: so an ACK of a block up to here measures no round trip
   * and proves no gap.
   */
  readonly repeated: number;
  /** Whether the client has acknowledged anything: before, its address may be forged. */
  readonly answered: boolean;
  /** Copies of the first answer since the client's last request. */
  readonly copies: number;
}

/** An event of a transfer. */
export type Input =
  | { readonly kind: 'start' }
  /** `block` as on the wire. */
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number }
  /** The client repeats its request, or the first answer did not leave. */
  | { readonly kind: 'again' }
  /** The retransmission timer ran out. */
  | { readonly kind: 'timeout' }
  /** It ran out for the last time. */
  | { readonly kind: 'gone' };

/** An action that follows. */
export type Output =
  | { readonly kind: 'send-oack' }
  /**
   * Send these blocks, both ends included, the first `again` of them anew. Where they do not follow the last one asked
   * for, they take the place of what is still to be sent.
   */
  | { readonly kind: 'send-data'; readonly from: number; readonly to: number; readonly again: number }
  /** The peer made progress; `once`: the acknowledged blocks were sent once, and all of them arrived. */
  | { readonly kind: 'progress'; readonly once: boolean }
  /** `confirmed` is false where all was sent and only the last ACK is missing. */
  | { readonly kind: 'done'; readonly confirmed: boolean }
  /** The client wanted nothing but the size. */
  | { readonly kind: 'probe' }
  | { readonly kind: 'failed'; readonly reason: 'client-error' | 'client-gone' };

const NOTHING: readonly Output[] = [];

/**
 * Copies of the first answer, as the address may be forged. A client that misses both repeats its request. curl does
 * not where its own ACK of the OACK is lost, both times.
 */
const MAX_COPIES = 2;

/**
 * A transfer that has not begun.
 * @param size the file's octets; undefined where only the end tells: see {@link endAt}
 * @param oack whether options were granted
 */
export function newTransfer(size: number | undefined, blksize: number, windowsize: number, oack: boolean): Transfer {
  const blocks = size === undefined ? Number.POSITIVE_INFINITY : Math.floor(size / blksize) + 1;
  const phase = oack ? 'oack' : 'data';
  return { phase, blocks, windowsize, acked: 0, sent: 0, repeated: -1, answered: false, copies: 0 };
}

/** Whether a client that has answered was sent the whole file; the ACK of its end may be missing. */
export function isAllSent({ answered, sent, blocks }: Transfer): boolean {
  return answered && sent === blocks;
}

/** The transfer once the end of the file is found: none of the blocks behind it was sent. */
export function endAt(transfer: Transfer, blocks: number): Transfer {
  return { ...transfer, blocks, sent: Math.min(transfer.sent, blocks) };
}

/**
 * Sends the window that follows a block, again where it was sent before. Hot: V8 is slow at spreads, hence the fields
 * one by one.
 */
function sendWindow(transfer: Transfer, acked: number): readonly [Transfer, Output] {
  const { blocks, windowsize, sent } = transfer;
  const to = Math.min(acked + windowsize, blocks);
  const next: Transfer = {
    phase: 'data',
    blocks,
    windowsize,
    acked,
    sent: to,
    repeated: sent > acked ? Math.max(sent, transfer.repeated) : transfer.repeated,
    answered: transfer.answered,
    copies: transfer.copies,
  };
  return [next, { kind: 'send-data', from: acked + 1, to, again: sent - acked }];
}

function onAck(transfer: Transfer, wireBlock: number): readonly [Transfer, readonly Output[]] {
  const { acked, sent, repeated } = transfer;
  if (transfer.phase === 'oack') {
    if (wireBlock !== 0) return [transfer, NOTHING];
    const [next, send] = sendWindow({ ...transfer, answered: true }, 0);
    return [next, [{ kind: 'progress', once: repeated < 0 }, send]];
  }
  const ahead = (wireBlock - acked) & 0xffff;
  if (ahead === 0) {
    // At window 1 an ACK repeated is only an echo: answering it doubles every packet that follows (the Sorcerer's
    // Apprentice, RFC 1123 section 4.2.3.1). In a window it is how a client reports that the first block is missing
    // (RFC 7440 section 4); edk2 reports it once for each packet after the hole, so only the first counts.
    if (transfer.windowsize === 1 || sent === acked || repeated >= acked) return [transfer, NOTHING];
    const [next, send] = sendWindow(transfer, acked);
    return [next, [send]];
  }
  if (ahead > sent - acked) return [transfer, NOTHING];
  const block = acked + ahead;
  const progress: Output = { kind: 'progress', once: block === sent && block > repeated };
  const answered = transfer.answered ? transfer : { ...transfer, answered: true };
  if (block === transfer.blocks) {
    return [{ ...answered, phase: 'over', acked: block }, [progress, { kind: 'done', confirmed: true }]];
  }
  if (block < sent && block <= repeated) {
    // The blocks that follow may still be on their way, in one copy or two. Sending them again would be answered like
    // this again, and so on to the end of the file. Only what the window has room for now is sent; if the gap is real,
    // the timer runs out.
    const to = Math.min(block + answered.windowsize, answered.blocks);
    const slid = { ...answered, acked: block, sent: to };
    return [slid, to > sent ? [progress, { kind: 'send-data', from: sent + 1, to, again: 0 }] : [progress]];
  }
  const [next, send] = sendWindow(answered, block);
  return [next, [progress, send]];
}

/** Sends again what is not acknowledged. `copies` counts this one too. */
function sendAgain(transfer: Transfer, copies: number): readonly [Transfer, readonly Output[]] {
  if (transfer.phase === 'oack')
    return [{ ...transfer, copies, repeated: copies > 1 ? 0 : transfer.repeated }, [{ kind: 'send-oack' }]];
  const [next, send] = sendWindow(transfer, transfer.acked);
  return [{ ...next, copies }, [send]];
}

/**
 * Advances a transfer by one event (RFC 1350 with RFC 1123's correction, RFC 2347, RFC 7440). Pure: the caller owns the
 * clock, the socket and the file.
 */
export function step(transfer: Transfer, input: Input): readonly [Transfer, readonly Output[]] {
  if (transfer.phase === 'over') return [transfer, NOTHING];
  switch (input.kind) {
    case 'start':
      return sendAgain(transfer, 1);
    case 'ack':
      return onAck(transfer, input.block);
    case 'again': {
      const [next, outputs] = sendAgain(transfer, 1);
      return [{ ...next, repeated: Math.max(0, next.repeated) }, outputs];
    }
    case 'timeout':
      if (!transfer.answered && transfer.copies >= MAX_COPIES) return [transfer, NOTHING];
      return sendAgain(transfer, transfer.copies + 1);
    case 'error': {
      // edk2 ends a size probe with ERROR 8, PXE ROMs with ERROR 0 "TFTP Aborted", both in answer to the OACK.
      const probe = transfer.phase === 'oack' && (input.code === 0 || input.code === 8);
      const over: Transfer = { ...transfer, phase: 'over' };
      return [over, [probe ? { kind: 'probe' } : { kind: 'failed', reason: 'client-error' }]];
    }
    case 'gone': {
      // Many clients close their port with the last ACK; where that is lost, nobody answers any more.
      const end: Output = isAllSent(transfer)
        ? { kind: 'done', confirmed: false }
        : { kind: 'failed', reason: 'client-gone' };
      return [{ ...transfer, phase: 'over' }, [end]];
    }
  }
}
