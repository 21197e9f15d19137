import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Compression, detectCompression, nodesUndo } from '../../src/images/tools/compression.ts';
import { must } from '../support/process.ts';
import { tar } from './archives.ts';
import { MODULES, runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const skippable = (low: number, size: number) =>
  Buffer.concat([Buffer.from([0x50 | low, 0x2a, 0x4d, 0x18, size & 0xff, size >> 8, 0, 0]), Buffer.alloc(size, 0x28)]);

/** How files begin: what they are compressed with, and hex digits. */
const STARTS: readonly (readonly [Compression, string])[] = [
  ['gzip', '1f8b08000000'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd2400'],
  ...Array.from({ length: 16 }, (_, low) => ['zstd', skippable(low, 4).toString('hex', 0, 6)] as const),
  ['bzip2', '425a68393141'],
  ['lz4', '04224d186440'],
  ['lzip', '4c5a4950010c'],
  ['lzop', '894c5a4f000d'],
  ['lzma', '5d0000800000'],
  ['lzma', '5d0000000400'],
  ['none', '5d0000000000'],
  ['none', Buffer.from('./etc/').toString('hex')],
  ['none', ''],
];

/** Those starts, and each with one of its bytes changed or the rest of them gone. */
const NEAR = STARTS.flatMap(([, hex]) => [
  hex,
  ...[0, 2, 4, 6, 8, 10].flatMap((at) => [
    hex.slice(0, at),
    ...['00', '50', 'ff'].map((byte) => `${hex.slice(0, at)}${byte}${hex.slice(at + 2)}`.slice(0, hex.length)),
  ]),
]);

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function inShell(script: string) {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    return (await runLibrary(shell, path, script)).stdout.trim().split('\n');
  }

  test('a node and the builder know the same compressions by the same bytes', async () => {
    expect(STARTS.map(([, hex]) => detectCompression(Buffer.from(hex, 'hex')))).toEqual(STARTS.map(([how]) => how));
    const found = await inShell(
      `for hex in ${NEAR.map((hex) => hex || "''").join(' ')}; do slipway_compression "$hex"; done`,
    );
    expect(found).toEqual(NEAR.map((hex) => detectCompression(Buffer.from(hex, 'hex'))));
  });

  test('no compression is in one list only', async () => {
    const lists = await Promise.all(
      [join(MODULES, '90slipway-lib/unpack-lib.sh'), join(MODULES, '../src/images/tools/compression.ts')].map(
        async (file) => {
          const text = await readFile(file, 'utf8');
          return [...new Set([...text.matchAll(/(?:\) echo |^ {2}\[')(\w+)/gm)].map(([, how]) => how))].sort();
        },
      ),
    );
    expect(lists[0]).toEqual([...new Set(STARTS.map(([how]) => how))].sort());
    expect([...(lists[1] ?? []), 'none'].sort()).toEqual(lists[0]);
  });

  const content = 'x'.repeat(300_000);
  const archive = tar([{ name: './etc/' }, { name: './etc/motd', content }]);
  async function through(command: string, before: readonly Buffer[] = []) {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    await writeFile(join(path, 'in'), archive);
    await must('sh', ['-c', `${command} < in > out`], { cwd: path });
    return Buffer.concat([...before, await readFile(join(path, 'out'))]);
  }
  async function unpack(bytes: Buffer) {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    await writeFile(join(path, 'in'), bytes);
    await runLibrary(shell, path, `slipway_unpack $slipway_root < ${path}/in`);
    const read = (name: string) => readFile(join(path, name), 'utf8').catch(() => '');
    return { motd: await read('memory/root/etc/motd'), failure: await read('failure') };
  }

  test.each<readonly [string, string, readonly Buffer[]]>([
    ['pzstd', 'pzstd -q -p 2 -c', []],
    ['zstd with a skippable frame', 'zstd -q', [skippable(0, 4)]],
    ['zstd with many, some empty', 'zstd -q', Array.from({ length: 40 }, (_, i) => skippable(i % 16, (i % 3) * 99))],
    ['zstd with a long one', 'zstd -q', [skippable(15, 65_000)]],
    ['zstd in many frames', 'split -b 20000 --filter="zstd -qc"', []],
    ['gzip in many members', 'split -b 20000 --filter="gzip -c"', []],
    ['xz in many streams', 'split -b 20000 --filter="xz -c"', []],
  ])('a node unpacks %s', async (_, command, before) => {
    expect(await unpack(await through(command, before))).toEqual({ motd: content, failure: '' });
  });

  test.each([
    ['bzip2', 'bzip2'],
    ['lz4', 'zstd -q --format=lz4'],
    ['lzma', 'xz -c --format=lzma'],
  ] as const)('%s is named where it cannot be undone', async (how, command) => {
    const bytes = await through(command);
    expect(detectCompression(bytes)).toBe(how);
    expect(nodesUndo(how)).toBe(false);
    expect((await unpack(bytes)).failure).toContain(`it is compressed with ${how}, which an initrd cannot undo`);
  });
});
