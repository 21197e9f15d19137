import { link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DigestFolder } from '../../src/artifacts/store/digest-folder.ts';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string];
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'slipway-digests-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

it('lists and collects entries of its extension alone, whatever else lies there', async () => {
  const folder = new DigestFolder(join(root, 'made'), '.json');
  expect(await folder.list()).toEqual([]);
  expect(await folder.collect(Date.now(), () => false)).toEqual({ digests: [], bytes: 0 });
  for (const digest of [A, B]) await folder.write(digest, 'text');
  const foreign = [A, `${A}.txt`, 'notes', `x${A}.json`];
  for (const name of foreign) await writeFile(join(root, 'made', name), 'x');
  expect(await folder.list()).toEqual([A, B]);
  expect(await folder.collect(Date.now(), (digest) => digest === B)).toEqual({ digests: [A], bytes: 4 });
  expect(await readdir(join(root, 'made'))).toEqual([...foreign, `${B}.json`].toSorted());
});

it('removes what a killed writer left after a minute', async () => {
  const folder = new DigestFolder(root);
  await writeFile(`${folder.pathOf(A)}.x.new`, 'half');
  await folder.collect(Date.now(), () => true);
  expect(await readdir(root)).toHaveLength(1);
  await folder.collect(Date.now() + 61_000, () => true);
  expect(await readdir(root)).toEqual([]);
});

it('frees no bytes of a file that has another name, and those of all files of a folder', async () => {
  const folder = new DigestFolder(root);
  await folder.write(A, '12345');
  await link(folder.pathOf(A), join(root, 'other name'));
  await folder.write(B, '123');
  await mkdir(folder.pathOf(C));
  await writeFile(join(folder.pathOf(C), 'file'), '12');
  const { digests, bytes } = await folder.collect(Date.now(), () => false);
  expect(digests).toEqual([A, B, C]);
  expect(bytes).toBe(5);
});
