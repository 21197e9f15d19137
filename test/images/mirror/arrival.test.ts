import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Arrival } from '../../../src/images/mirror/arrival.ts';

const BYTES = randomBytes(9_000_000);
const DIGEST = createHash('sha256').update(BYTES).digest('hex');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-arrival-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function* inPieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

it('writes all bytes in their order, and tells who waits', async () => {
  const arrival = new Arrival(BYTES.length);
  const path = join(folder, 'x');
  const file = await open(path, 'wx');
  const almost = arrival.until(BYTES.length - 1);
  await arrival.fill(inPieces(BYTES), file, DIGEST);
  await file.close();
  expect(await almost).toBeUndefined();
  expect([arrival.bytes, (await readFile(path)).equals(BYTES)]).toEqual([BYTES.length, true]);
  const whole = arrival.until(BYTES.length);
  arrival.complete('stamp');
  expect(await whole).toBe('stamp');
  expect(await arrival.until(0)).toBe('stamp');
});

it('of no bytes is whole only at its end', async () => {
  const arrival = new Arrival(0);
  const start = arrival.until(0);
  arrival.fail(new Error('other bytes'));
  await expect(start).rejects.toMatchObject({ code: 'NOT_ARRIVED', message: 'other bytes' });
});

it('fails with the error of the disk', async () => {
  const file = await open('/dev/full', 'w');
  await expect(new Arrival(BYTES.length).fill(inPieces(BYTES), file, DIGEST)).rejects.toMatchObject({ code: 'ENOSPC' });
  await file.close();
});
