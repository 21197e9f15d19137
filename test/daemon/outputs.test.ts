import { beforeEach, expect, it } from 'vitest';
import { Outputs } from '../../src/daemon/containers/outputs.ts';
import type { BootStore } from '../../src/model/fleet/boot-store.ts';
import { openMemoryStore } from '../simulation/world/store.ts';

let store: BootStore & { end(): void };
beforeEach(async () => {
  store = await openMemoryStore();
  return () => store.end();
});

const outputsOf = (more: Partial<BootStore> = {}) => new Outputs({ ...store, ...more }, () => 1000);
const textOf = async (outputs: Outputs, step: string) => {
  const all = await outputs.after('b1', 0, 100);
  return all.map((each) => (each.step === step ? Buffer.from(each.data, 'base64').toString() : '')).join('');
};

it('keeps each byte once, though a machine sends pieces again', async () => {
  const outputs = outputsOf();
  await outputs.add('b1', 's', 0, Buffer.from('abc'));
  await outputs.add('b1', 's', 0, Buffer.from('abcde'));
  await outputs.add('b1', 's', 3, Buffer.from('de'));
  await outputs.add('b1', 't', 0, Buffer.from('xy'));
  // Another daemon goes on where the store is.
  await outputsOf().add('b1', 's', 4, Buffer.from('ef'));
  expect(await textOf(outputs, 's')).toBe('abcdef');
  expect(await textOf(outputs, 't')).toBe('xy');
});

it('takes up to 16 MiB of a boot', async () => {
  const outputs = outputsOf();
  const piece = Buffer.alloc(1024 * 1024);
  for (let n = 0; n < 16; n++) expect(await outputs.add('b1', 's', n * piece.length, piece)).toBe('kept');
  expect(await outputs.add('b1', 's', 16 * piece.length, Buffer.from('x'))).toBe('enough');
  expect(await outputs.add('b2', 's', 0, Buffer.from('x'))).toBe('kept');
});

it('counts nothing as kept that could not be', async () => {
  let isAway = true;
  const outputs = outputsOf({
    addOutput: async (...args) => {
      if (isAway) throw new Error('away');
      await store.addOutput(...args);
    },
  });
  await expect(outputs.add('b1', 's', 0, Buffer.from('abc'))).rejects.toThrow('away');
  isAway = false;
  await outputs.add('b1', 's', 0, Buffer.from('abc'));
  expect(await textOf(outputs, 's')).toBe('abc');
});

it('is pruned by its age', async () => {
  const outputs = outputsOf();
  await outputs.add('b1', 's', 0, Buffer.from('abc'));
  await store.pruneOutput(1000);
  expect(await textOf(outputs, 's')).toBe('abc');
  await store.pruneOutput(1001);
  expect(await textOf(outputs, 's')).toBe('');
});
