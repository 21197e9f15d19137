import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Input, newTransfer, step } from '../../src/tftp/transfer/transfer.ts';

/** What may happen to one packet. */
type Fate = 'arrives' | 'is lost' | 'arrives twice' | 'is overtaken';

interface Case {
  readonly blksize: number;
  readonly size: number;
  readonly windowsize: number;
  readonly oack: boolean;
  /** Whether the client reports each packet after a hole, as edk2 does, or only the first. */
  readonly chatty: boolean;
}

/**
 * Runs a transfer against a client of RFC 7440 over a network that mistreats packets.
 * @returns the blocks as the client got them and the number of steps, or undefined if it did not end within the bound
 */
function deliver(test: Case, nextFate: () => Fate, bound: number) {
  let transfer = newTransfer(test.size, test.blksize, test.windowsize, test.oack);
  const lengthOf = (block: number): number => Math.min(test.blksize, test.size - (block - 1) * test.blksize);
  /** Packets under way, oldest first. A block number or `oack` to the client, an ACK to the server. */
  const down: (number | 'oack')[] = [];
  const up: number[] = [];
  const put = <T>(queue: T[], packet: T): void => {
    const fate = nextFate();
    if (fate === 'is lost') return;
    if (fate === 'is overtaken') queue.splice(Math.max(0, queue.length - 1), 0, packet);
    else queue.push(packet);
    if (fate === 'arrives twice') queue.push(packet);
  };

  const got: number[] = [];
  let [started, complete, reported, inWindow] = [!test.oack, false, false, 0];
  const acknowledge = (): void => {
    inWindow = 0;
    put(up, got.length & 0xffff);
  };
  const receive = (packet: number | 'oack'): void => {
    if (packet === 'oack') {
      if (!started || got.length === 0) acknowledge();
      started = true;
      return;
    }
    if (!started) return;
    if ((packet & 0xffff) !== ((got.length + 1) & 0xffff) || complete) {
      if (!reported || test.chatty || complete) acknowledge();
      reported = true;
      return;
    }
    reported = false;
    got.push(packet);
    complete = lengthOf(packet) < test.blksize;
    if (++inWindow === test.windowsize || complete) acknowledge();
  };

  let done = false;
  const advance = (input: Input): void => {
    const [next, outputs] = step(transfer, input);
    transfer = next;
    for (const output of outputs) {
      if (output.kind === 'send-oack') put(down, 'oack');
      if (output.kind === 'send-data') {
        expect(output.to - output.from).toBeLessThan(test.windowsize);
        for (let block = output.from; block <= output.to; block++) put(down, block);
      }
      if (output.kind === 'done') done = true;
    }
  };

  advance({ kind: 'start' });
  let steps = 0;
  for (; !done && steps < bound; steps++) {
    const packet = down.shift();
    const block = packet === undefined ? up.shift() : undefined;
    if (packet !== undefined) receive(packet);
    else if (block !== undefined) advance({ kind: 'ack', block });
    else if (steps % 7 === 6 && started && !complete) acknowledge();
    // A client that nothing has reached repeats its request.
    else advance({ kind: transfer.answered || steps % 3 < 2 ? 'timeout' : 'again' });
  }
  return { done, steps, got, blocks: transfer.blocks };
}

const blksize = fc.constantFrom(8, 512, 1468);
const cases: fc.Arbitrary<Case> = blksize
  .chain((size) =>
    fc.record({
      blksize: fc.constant(size),
      size: fc.tuple(fc.nat(200), fc.constantFrom(-1, 0, 1)).map(([blocks, more]) => Math.max(0, blocks * size + more)),
      windowsize: fc.integer({ min: 1, max: 64 }),
      oack: fc.boolean(),
      chatty: fc.boolean(),
    }),
  )
  .map((test) => (test.oack ? test : { ...test, windowsize: 1 }));

/** A reproducible sequence of fates: one packet in five is lost, doubled or overtaken. */
function fates(seed: number): () => Fate {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const part = (state >>> 8) % 30;
    if (part < 3) return 'is lost';
    if (part < 5) return 'is overtaken';
    return part === 5 ? 'arrives twice' : 'arrives';
  };
}

it('every block arrives in order whatever happens to packets', () => {
  fc.assert(
    fc.property(cases, fc.nat(), (test, seed) => {
      const { done, got, blocks } = deliver(test, fates(seed), 200_000);
      expect(done).toBe(true);
      expect(got).toEqual(Array.from({ length: blocks }, (_, index) => index + 1));
    }),
    { numRuns: 300 },
  );
});

it('nothing is sent twice on a network that loses nothing', () => {
  fc.assert(
    fc.property(cases, (test) => {
      const { steps, blocks } = deliver(test, () => 'arrives', 10_000);
      const acks = Math.ceil(blocks / test.windowsize);
      expect(steps).toBe(blocks + acks + (test.oack ? 2 : 0));
    }),
  );
});

it('a doubled packet does not double those that follow', () => {
  fc.assert(
    fc.property(cases, fc.nat(500), (test, which) => {
      let count = 0;
      const { steps, blocks } = deliver(test, () => (count++ === which ? 'arrives twice' : 'arrives'), 50_000);
      const acks = Math.ceil(blocks / test.windowsize);
      // One window more at most, each of whose packets a chatty client reports, and windows that begin elsewhere.
      expect(steps).toBeLessThanOrEqual(blocks + acks + 4 * test.windowsize + 6);
    }),
  );
});

it.each([1, 16, 64])(
  'more than 65535 blocks arrive in windows of %i on a network that loses one in fifty',
  (windowsize) => {
    let count = 0;
    const test = { blksize: 8, size: 8 * 70_000, windowsize, oack: true, chatty: windowsize === 16 };
    const { done, got, blocks } = deliver(test, () => (++count % 50 === 0 ? 'is lost' : 'arrives'), 5_000_000);
    expect(done).toBe(true);
    expect(blocks).toBe(70_001);
    expect(got.every((block, index) => block === index + 1)).toBe(true);
    expect(got.length).toBe(blocks);
  },
);
