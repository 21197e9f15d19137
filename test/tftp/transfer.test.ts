import { describe, expect, it } from 'vitest';
import { endAt, type Input, newTransfer, type Output, step, type Transfer } from '../../src/tftp/transfer/transfer.ts';

/** Plays events in order; gives the machine and the outputs of the last one. */
function play(transfer: Transfer, ...inputs: Input[]): { transfer: Transfer; outputs: readonly Output[] } {
  let current = transfer;
  let outputs: readonly Output[] = [];
  for (const input of inputs) [current, outputs] = step(current, input);
  return { transfer: current, outputs };
}

const START: Input = { kind: 'start' };
const TIMEOUT: Input = { kind: 'timeout' };
const GONE: Input = { kind: 'gone' };
const ack = (block: number): Input => ({ kind: 'ack', block });
const error = (code: number): Input => ({ kind: 'error', code });
const data = (from: number, to: number, again = 0): Output => ({ kind: 'send-data', from, to, again });
const progress = (once: boolean): Output => ({ kind: 'progress', once });

/** Ten full blocks and an empty one, without options. */
const plain = (): Transfer => newTransfer(10 * 512, 512, 1, false);
/** The same in windows of four, with an OACK. */
const windowed = (): Transfer => newTransfer(10 * 512, 512, 4, true);

describe('a transfer without options', () => {
  it('answers the request with the first block', () => {
    expect(play(plain(), START).outputs).toEqual([data(1, 1)]);
  });

  it('sends the next block for each ACK', () => {
    expect(play(plain(), START, ack(1)).outputs).toEqual([progress(true), data(2, 2)]);
  });

  it('sends a block again when its ACK is overdue', () => {
    expect(play(plain(), START, ack(1), TIMEOUT).outputs).toEqual([data(2, 2, 1)]);
  });

  it('sends two copies of its first block, and two more each time that the client asks again', () => {
    const AGAIN: Input = { kind: 'again' };
    for (const transfer of [plain(), windowed()]) {
      const kind = transfer.phase === 'oack' ? 'send-oack' : 'send-data';
      const copies = (...inputs: Input[]) => play(transfer, ...inputs).outputs.map((output) => output.kind);
      expect(copies(START)).toEqual([kind]);
      expect(copies(START, TIMEOUT)).toEqual([kind]);
      expect(copies(START, TIMEOUT, TIMEOUT)).toEqual([]);
      expect(copies(START, TIMEOUT, TIMEOUT, AGAIN)).toEqual([kind]);
      expect(copies(START, TIMEOUT, AGAIN, TIMEOUT)).toEqual([kind]);
      expect(copies(START, TIMEOUT, AGAIN, TIMEOUT, TIMEOUT)).toEqual([]);
    }
    // Once it has answered it exists.
    expect(play(plain(), START, ack(1), TIMEOUT, TIMEOUT, TIMEOUT).outputs).toEqual([data(2, 2, 1)]);
    expect(play(windowed(), START, ack(0), TIMEOUT, TIMEOUT, TIMEOUT).outputs).toEqual([data(1, 4, 4)]);
  });

  it('may learn only on the way how many blocks there are', () => {
    const { transfer } = play(newTransfer(undefined, 512, 1, false), START, ack(1));
    expect(transfer.blocks).toBe(Number.POSITIVE_INFINITY);
    expect(play(endAt(transfer, 2), ack(2)).outputs).toEqual([progress(true), { kind: 'done', confirmed: true }]);
    const ahead = play(newTransfer(undefined, 512, 4, true), START, ack(0)).transfer;
    expect(endAt(ahead, 2)).toMatchObject({ blocks: 2, sent: 2 });
    expect(play(endAt(ahead, 2), ack(2)).outputs).toEqual([progress(true), { kind: 'done', confirmed: true }]);
  });

  it('never answers a repeated ACK: that would be the Sorcerer’s Apprentice', () => {
    expect(play(plain(), START, ack(1), ack(1)).outputs).toEqual([]);
    expect(play(plain(), START, ack(1), TIMEOUT, ack(1)).outputs).toEqual([]);
    expect(play(plain(), START, ack(0)).outputs).toEqual([]);
  });

  it('measures nothing by the ACK of a block that was sent twice', () => {
    expect(play(plain(), START, TIMEOUT, ack(1)).outputs).toEqual([progress(false), data(2, 2)]);
    expect(play(plain(), START, TIMEOUT, ack(1), ack(2)).outputs).toEqual([progress(true), data(3, 3)]);
  });

  it('ignores ACKs of blocks that were not sent', () => {
    expect(play(plain(), START, ack(2)).outputs).toEqual([]);
    expect(play(plain(), START, ack(65535)).outputs).toEqual([]);
  });

  it.each([
    [0, 1],
    [1, 1],
    [511, 1],
    [512, 2],
    [513, 2],
    [1024, 3],
  ])('takes for %i octets %i blocks of 512', (size, blocks) => {
    expect(newTransfer(size, 512, 1, false).blocks).toBe(blocks);
  });

  it('ends an empty file with its one empty block', () => {
    const { transfer, outputs } = play(newTransfer(0, 512, 1, false), START, ack(1));
    expect(outputs).toEqual([progress(true), { kind: 'done', confirmed: true }]);
    expect(transfer.phase).toBe('over');
  });

  it('counts on from 65535 to 0', () => {
    const late: Transfer = { ...newTransfer(8 * 70_000, 8, 1, false), acked: 65534, sent: 65535, answered: true };
    const { transfer, outputs } = play(late, ack(65535));
    expect(outputs).toEqual([progress(true), data(65536, 65536)]);
    expect(play(transfer, ack(0)).outputs).toEqual([progress(true), data(65537, 65537)]);
    expect(play(transfer, ack(0), ack(0)).outputs).toEqual([]);
    expect(play(transfer, ack(0), ack(1)).outputs).toEqual([progress(true), data(65538, 65538)]);
  });
});

describe('a transfer with options', () => {
  it('waits for ACK 0 after its OACK, then sends a window', () => {
    expect(play(windowed(), START).outputs).toEqual([{ kind: 'send-oack' }]);
    expect(play(windowed(), START, ack(1)).outputs).toEqual([]);
    expect(play(windowed(), START, ack(0)).outputs).toEqual([progress(true), data(1, 4)]);
  });

  it('sends the OACK again when its ACK is overdue', () => {
    expect(play(windowed(), START, TIMEOUT).outputs).toEqual([{ kind: 'send-oack' }]);
    expect(play(windowed(), START, TIMEOUT, ack(0)).outputs).toEqual([progress(false), data(1, 4)]);
    expect(play(windowed(), START, TIMEOUT, ack(0), ack(0)).outputs).toEqual([]);
  });

  it.each([0, 8])('takes ERROR %i after the OACK for a size probe', (code) => {
    expect(play(windowed(), START, error(code)).outputs).toEqual([{ kind: 'probe' }]);
  });

  it('takes every other ERROR for a failure', () => {
    const failed = [{ kind: 'failed', reason: 'client-error' }];
    expect(play(windowed(), START, error(3)).outputs).toEqual(failed);
    expect(play(windowed(), START, ack(0), error(8)).outputs).toEqual(failed);
    expect(play(plain(), START, error(0)).outputs).toEqual(failed);
  });
});

describe('a window', () => {
  it('follows when the one before is acknowledged whole', () => {
    expect(play(windowed(), START, ack(0), ack(4)).outputs).toEqual([progress(true), data(5, 8)]);
    expect(play(windowed(), START, ack(0), ack(4), ack(8)).outputs).toEqual([progress(true), data(9, 11)]);
  });

  it('resumes after the last block that arrived in order', () => {
    expect(play(windowed(), START, ack(0), ack(2)).outputs).toEqual([progress(false), data(3, 6, 2)]);
  });

  it('is rolled back once for a gap, however often the client reports it', () => {
    const { transfer, outputs } = play(windowed(), START, ack(0), ack(2), ack(2), ack(2));
    expect(outputs).toEqual([]);
    expect(play(transfer, ack(6)).outputs).toEqual([progress(true), data(7, 10)]);
  });

  it('is rolled back once where its first block is missing', () => {
    const { transfer, outputs } = play(windowed(), START, ack(0), ack(4), ack(4));
    expect(outputs).toEqual([data(5, 8, 4)]);
    expect(play(transfer, ack(4)).outputs).toEqual([]);
    expect(play(transfer, ack(4), ack(4)).outputs).toEqual([]);
  });

  it('is sent whole when the ACK is overdue, and echoes of that do not double what follows', () => {
    const { transfer, outputs } = play(windowed(), START, ack(0), TIMEOUT);
    expect(outputs).toEqual([data(1, 4, 4)]);
    // Both copies arrived: two ACKs come, and only the first moves on.
    const next = play(transfer, ack(4));
    expect(next.outputs).toEqual([progress(false), data(5, 8)]);
    expect(play(next.transfer, ack(4)).outputs).toEqual([]);
    expect(play(next.transfer, ack(4), ack(8)).outputs).toEqual([progress(true), data(9, 11)]);
  });

  it('only slides on where the client may be answering a second copy', () => {
    const { transfer, outputs } = play(windowed(), START, ack(0), TIMEOUT, ack(2));
    expect(outputs).toEqual([progress(false), data(5, 6)]);
    expect(play(transfer, ack(2)).outputs).toEqual([]);
    expect(play(transfer, TIMEOUT).outputs).toEqual([data(3, 6, 4)]);
    expect(play(transfer, ack(6)).outputs).toEqual([progress(true), data(7, 10)]);
  });

  it('has nothing more to send where the last block is on its way', () => {
    expect(play(windowed(), START, ack(0), ack(4), ack(8), TIMEOUT, ack(9)).outputs).toEqual([progress(false)]);
  });

  it('takes an older ACK for what it is', () => {
    expect(play(windowed(), START, ack(0), ack(4), ack(2)).outputs).toEqual([]);
  });

  it('goes across 65535', () => {
    const base = newTransfer(8 * 70_000, 8, 4, true);
    const late: Transfer = { ...base, phase: 'data', acked: 65533, sent: 65537, answered: true };
    expect(play(late, ack(0)).outputs).toEqual([progress(false), data(65537, 65540, 1)]);
    expect(play(late, ack(1)).outputs).toEqual([progress(true), data(65538, 65541)]);
  });
});

describe('the end', () => {
  it('is confirmed by the last ACK, and nothing is sent after it', () => {
    const { transfer, outputs } = play(windowed(), START, ack(0), ack(4), ack(8), ack(11));
    expect(outputs).toEqual([progress(true), { kind: 'done', confirmed: true }]);
    for (const input of [ack(11), ack(8), TIMEOUT, GONE, error(1), START]) {
      expect(step(transfer, input)).toEqual([transfer, []]);
    }
  });

  it('is likely where only the last ACK is missing', () => {
    expect(play(windowed(), START, ack(0), ack(4), ack(8), TIMEOUT, GONE).outputs).toEqual([
      { kind: 'done', confirmed: false },
    ]);
  });

  it('is a failure where the client falls silent before', () => {
    const failed = [{ kind: 'failed', reason: 'client-gone' }];
    expect(play(windowed(), START, GONE).outputs).toEqual(failed);
    expect(play(windowed(), START, ack(0), GONE).outputs).toEqual(failed);
    expect(play(newTransfer(5, 512, 1, false), START, GONE).outputs).toEqual(failed);
  });
});
