import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTags } from '../../../src/images/mirror/tags.ts';
import type { BootEvent } from '../../../src/model/event.ts';

let folder: string;
const events: BootEvent[] = [];
const open = () => openTags(join(folder, 'own/mirror/tags.json'), (event) => events.push(event));
const [A, B] = ['a'.repeat(64), 'b'.repeat(64)];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-tags-'));
  events.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('outlive a restart, and are looked up again then', async () => {
  await writeFile(join(folder, 'other'), '');
  const tags = await openTags(join(folder, 'mirror/tags.json'), (event) => events.push(event));
  await tags.set('a.example/x:latest', { digest: A, until: 5 });
  await tags.set('a.example/x:v1', { digest: B, until: 5 });
  await tags.delete('a.example/x:v1');
  const again = await openTags(join(folder, 'mirror/tags.json'), (event) => events.push(event));
  expect(again.get('a.example/x:latest')).toEqual({ digest: A, until: Number.NEGATIVE_INFINITY });
  expect(again.get('a.example/x:v1')).toBeUndefined();
  expect(events).toEqual([]);
});

it('are dropped where their file was altered', async () => {
  const file = join(folder, 'mirror/tags.json');
  const tags = await openTags(file, (event) => events.push(event));
  await tags.set('a.example/x:latest', { digest: A, until: 5 });
  await writeFile(file, (await readFile(file, 'utf8')).replace('aaaa', 'aaab'));
  const again = await openTags(file, (event) => events.push(event));
  expect(again.get('a.example/x:latest')).toBeUndefined();
  expect(events).toEqual([expect.objectContaining({ event: 'artifact.dropped', level: 'warn' })]);
});

it('are remembered where they cannot be written', async () => {
  await writeFile(join(folder, 'own'), 'a file in the place of the folder');
  const tags = await open().catch((error) => error);
  await tags.set('a.example/x:latest', { digest: A, until: 5 });
  expect(tags.get('a.example/x:latest')?.digest).toBe(A);
  expect(events.at(-1)).toMatchObject({ event: 'artifact.index', level: 'warn' });
});
