import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLogWriter } from '../../src/daemon/log/writer.ts';

/** A reader that takes what there is room for. */
function reader() {
  const state = { text: '', room: Number.POSITIVE_INFINITY, error: undefined as string | undefined };
  const write = (bytes: Uint8Array) => {
    if (state.error !== undefined) throw Object.assign(new Error(state.error), { code: state.error });
    const count = Math.min(bytes.length, state.room);
    state.room -= count;
    state.text += Buffer.from(bytes.subarray(0, count)).toString();
    return count;
  };
  return Object.assign(state, { write });
}

const dropped = (count: number) => `dropped ${count}`;

describe('a log writer', () => {
  it('writes the lines of one turn together', async () => {
    const to = reader();
    const log = createLogWriter(to.write, dropped);
    log.print('a');
    log.print('b');
    expect(to.text).toBe('');
    await turn();
    expect(to.text).toBe('a\nb\n');
  });

  it('drops what a reader that stands still leaves no room for, and says so in its place when it reads on', async () => {
    const to = reader();
    to.room = 3;
    const log = createLogWriter(to.write, dropped, { limit: 12 });
    for (const line of ['first', 'second', 'third', 'fourth']) log.print(line);
    await turn();
    expect(to.text).toBe('fir');
    to.room = Number.POSITIVE_INFINITY;
    await delay(120);
    expect(to.text).toBe('first\nsecond\ndropped 2\n');
    log.print('fifth');
    await turn();
    expect(to.text).toMatch(/dropped 2\nfifth\n$/);
  });

  it('writes all at the end for a reader that reads, and gives up one that does not', () => {
    const to = reader();
    const log = createLogWriter(to.write, dropped, { patienceMs: 30 });
    log.print('last');
    log.flush();
    expect(to.text).toBe('last\n');
    to.room = 0;
    log.print('stuck');
    const before = Date.now();
    log.flush();
    expect(Date.now() - before).toBeLessThan(1000);
  });

  it('goes on after a full disk with the number of lost lines, and is silent once the reader went away', async () => {
    const to = reader();
    const log = createLogWriter(to.write, dropped);
    to.error = 'ENOSPC';
    log.print('a');
    log.print('b');
    await turn();
    to.error = undefined;
    await delay(120);
    expect(to.text).toBe('dropped 2\n');
    to.error = 'EPIPE';
    log.print('c');
    await turn();
    to.error = undefined;
    log.print('d');
    await delay(120);
    expect(to.text).toBe('dropped 2\n');
  });
});
