import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TarEntry } from '../../src/images/tar/tar-entry.ts';
import { encodeHeader } from '../../src/images/tar/tar-header.ts';
import { decodePax, encodePax, formatTime, parseTime } from '../../src/images/tar/tar-pax.ts';
import { readTar } from '../../src/images/tar/tar-read.ts';
import { encodeMember, padding } from '../../src/images/tar/tar-write.ts';
import { memoryFile } from '../../src/model/files/random-access.ts';
import { type Member, makeTar, toEntry } from '../support/image-layers.ts';

async function read(bytes: Uint8Array): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  for await (const entry of readTar(memoryFile(bytes))) entries.push(entry);
  return entries;
}

/** What the tar-stream package makes of an archive: name and extended attributes. */
async function byTarStream(bytes: Buffer): Promise<{ name: string; pax: Record<string, string> | null }[]> {
  const stream = extract();
  stream.end(bytes);
  const entries: { name: string; pax: Record<string, string> | null }[] = [];
  for await (const entry of stream) {
    const { name, pax } = entry.header as typeof entry.header & { pax: Record<string, string> | null };
    entries.push({ name, pax });
    entry.resume();
  }
  return entries;
}

const CAPABILITY = '\x01\0\0\x02\0\xfc\x80\0\0\0\0\0\xff\0\0\0\0\0\0\0';

describe('what is written', () => {
  const members: Record<string, Member> = {
    'a plain file': { name: 'etc/motd', content: 'hello' },
    'a directory': { name: 'var/tmp/', type: 'directory', mode: 0o1777 },
    'a name of 100 bytes': { name: 'n'.repeat(100), content: 'x' },
    'a long name that ustar can split': { name: `${'d'.repeat(90)}/${'n'.repeat(90)}`, content: 'x' },
    'a long name that it cannot': { name: 'n'.repeat(255), content: 'x' },
    'a very long directory': { name: `${'d'.repeat(200)}/`.repeat(15), type: 'directory' },
    'a long link': { name: 's', type: 'symlink', linkname: '/t'.repeat(300) },
    'a name in Latin-1 and one with line breaks': { name: 'caf\xe9\nx\x01=', content: 'x' },
    'a long name that is no UTF-8': { name: '\xff'.repeat(250), content: 'x' },
    'a set-user-id program': { name: 'su', mode: 0o4755, uid: 1, gid: 2, content: 'x' },
    'owners beyond the octal fields': { name: 'f', uid: 4_294_967_294, gid: 2_097_152, content: 'x' },
    'a device': { name: 'null', type: 'character', mode: 0o666, major: 1, minor: 3 },
    'a device with great numbers': { name: 'sd', type: 'block', major: 4095, minor: 1_048_575 },
    'a FIFO': { name: 'p', type: 'fifo' },
    'a time before 1970': { name: 'old', mtime: -86_400, content: 'x' },
    'a time after 2242': { name: 'new', mtime: 10_000_000_000, content: 'x' },
    'file capabilities, bytes that are no text': { name: 'ping', xattrs: { 'security.capability': CAPABILITY } },
    'an empty attribute': { name: 'e', xattrs: { 'user.empty': '' } },
    'a sparse file': { name: 'sparse', content: 'ab'.repeat(512), holes: { size: 500_736, at: [4096, 500_224] } },
    'a file that is one hole': { name: 'hole', content: '', holes: { size: 5_000_000_000_000, at: [] } },
    'a file of a byte at the end of a hole': {
      name: 'hole',
      content: 'x',
      holes: { size: 5_000_000_000_513, at: [5_000_000_000_512] },
    },
  };

  it.each(Object.entries(members))('is read back: %s', async (_, member) => {
    const [entry] = await read(makeTar([member]));
    const expected = toEntry(member, entry?.extents[0]?.position);
    expect(entry).toEqual({ ...expected, extents: member.holes?.at.length === 0 ? [] : expected.extents });
  });

  it('is read back with times to the nanosecond', async () => {
    const { head } = encodeMember({ ...toEntry({ name: 'x' }), mtime: 1_700_000_000_123_456_789n });
    const [entry] = await read(head);
    expect(entry?.mtime).toBe(1_700_000_000_123_456_789n);
  });

  it('keeps its form when it is written again', async () => {
    for (const member of Object.values(members)) {
      if (member.content !== undefined || member.holes) continue;
      const bytes = makeTar([member]);
      const [entry] = await read(bytes);
      expect(entry && encodeMember(entry).head.equals(bytes.subarray(0, -1024))).toBe(true);
    }
  });
});

describe('PAX records', () => {
  it('of any length have the right length in front', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.string({ minLength: 1, maxLength: 5, unit: 'grapheme-ascii' }), (size, key) => {
        const keyword = key.replace(/[ =\n]/g, 'k');
        const records = [
          [keyword, '\xff'.repeat(size)],
          ['b', '\n='],
        ] as const;
        expect(decodePax(encodePax(records))).toEqual(records);
      }),
    );
  });

  it.each(['5', '5 a', '3 a=\n', '999 a=b\n', 'x a=b\n', '6 a=bc'])('%j is refused', (text) => {
    expect(() => decodePax(Buffer.from(text))).toThrow('malformed');
  });

  it.each([
    ['1.5', 1_500_000_000n],
    ['-0.25', -250_000_000n],
    ['1700000000.1234567891', 1_700_000_000_123_456_789n],
    ['0', 0n],
  ])('the time %s is read', (text, time) => {
    expect(parseTime(text)).toBe(time);
    expect(parseTime(formatTime(time))).toBe(time);
  });

  it('take back with an empty value what a global header said', async () => {
    const header = (flag: string, body: Buffer) => {
      const plain = { name: 'x', mode: 0, uid: 0, gid: 0, mtime: 0, linkname: '', major: 0, minor: 0 };
      return Buffer.concat([encodeHeader({ ...plain, flag, size: body.length }), body, padding(body.length)]);
    };
    const bytes = Buffer.concat([
      header(
        'g',
        encodePax([
          ['uid', '7'],
          ['gid', '8'],
        ]),
      ),
      makeTar([{ name: 'a', content: 'x' }]).subarray(0, 1024),
      header('x', encodePax([['uid', '']])),
      makeTar([{ name: 'b', content: 'y' }]),
    ]);
    expect((await read(bytes)).map(({ name, uid, gid }) => [name, uid, gid])).toEqual([
      ['a', 7, 8],
      ['b', 0, 8],
    ]);
  });
});

describe('a damaged archive', () => {
  const whole = makeTar([
    { name: 'a'.repeat(300), content: 'x'.repeat(600) },
    { name: 'b', content: 'y' },
  ]);

  it.each([
    ['in a header', 700, 'within'],
    ['in the data', whole.length - 1024 - 1536 - 300, 'within'],
  ])('that ends %s is refused', async (_, length, why) => {
    await expect(read(whole.subarray(0, length))).rejects.toThrow(why);
  });

  it('with a wrong checksum is refused', async () => {
    const bytes = Buffer.from(whole);
    bytes[1024] = 0x21;
    await expect(read(bytes)).rejects.toThrow('checksum');
  });

  it('never does worse than being refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, value) => {
        const bytes = Buffer.from(whole);
        bytes[at] = value;
        await read(bytes).catch((error: Error) => expect(error.name).toBe('BadArchive'));
      }),
    );
  });

  it('without an end is read: some writers leave it out', async () => {
    expect(await read(whole.subarray(0, -1024))).toHaveLength(2);
    expect(await read(Buffer.alloc(0))).toEqual([]);
  });
});

describe('archives of GNU tar', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-tar-'));
    const script = `
      mkdir -p tree/dir; printf hello > tree/dir/file; ln tree/dir/file tree/link; ln -s ../target tree/sym
      mkfifo tree/pipe; printf x > "tree/$(printf 'n%.0s' $(seq 200))"
      printf begin > tree/sparse; truncate -s 3M tree/sparse; printf middle >> tree/sparse; truncate -s 9M tree/sparse
      for i in $(seq 40); do truncate -s $i'M' tree/many; printf $i >> tree/many; done
      touch -d @1700000000.5 tree/dir/file`;
    execFileSync('sh', ['-ec', script], { cwd: folder });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['v7', ['--format=v7', '--exclude=nnn*', '--exclude=pipe']],
    ['oldgnu', ['--format=oldgnu']],
    ['gnu', ['--format=gnu']],
    ['ustar', ['--format=ustar', '--exclude=nnn*']],
    ['posix', ['--format=posix']],
    ['old sparse', ['--format=gnu', '--sparse']],
    ['sparse 0.0', ['--format=posix', '--sparse', '--sparse-version=0.0']],
    ['sparse 0.1', ['--format=posix', '--sparse', '--sparse-version=0.1']],
    ['sparse 1.0', ['--format=posix', '--sparse', '--sparse-version=1.0']],
  ])('in the format %s are read', async (_, options) => {
    const bytes = execFileSync('tar', ['-c', ...options, '-C', join(folder, 'tree'), '.'], { maxBuffer: 128 << 20 });
    const entries = new Map((await read(bytes)).map((entry) => [entry.name, entry]));
    const text = (name: string) => {
      const entry = entries.get(name);
      const whole = Buffer.alloc(entry?.size ?? 0);
      for (const { position, offset, length } of entry?.extents ?? [])
        bytes.copy(whole, offset, position, position + length);
      return whole;
    };
    expect(entries.get('./dir/')?.type ?? entries.get('./dir')?.type).toBe('directory');
    const [file, link] = ['./dir/file', './link'].map((name) => entries.get(name));
    expect([file?.type, link?.type].sort()).toEqual(['file', 'link']);
    expect(text(file?.type === 'file' ? './dir/file' : './link').toString()).toBe('hello');
    expect(entries.get('./sym')).toMatchObject({ type: 'symlink', linkname: '../target' });
    const sparse = text('./sparse');
    expect(sparse.length).toBe(9 << 20);
    expect(sparse.toString('latin1').replace(/\0+/g, '-')).toBe('begin-middle-');
    expect(sparse.indexOf('middle')).toBe(3 << 20);
    expect(text('./many').toString('latin1').replace(/\0+/g, '-')).toBe(
      `-${Array.from({ length: 40 }, (_, i) => i + 1).join('-')}`,
    );
    if (options.includes('--sparse')) expect(bytes.length).toBeLessThan(400_000);
    if (entries.has(`./${'n'.repeat(200)}`)) expect(text(`./${'n'.repeat(200)}`).toString()).toBe('x');
  });

  it('are what it reads of ours: names, owners, holes, and no complaint', () => {
    const bytes = makeTar([
      { name: 'd', type: 'directory', mode: 0o750, uid: 3_000_000 },
      { name: `d/${'long/'.repeat(60)}f`, content: 'x' },
      { name: 'sparse', content: 'abcdef', holes: { size: 1_000_000, at: [4096, 500_000] } },
      { name: 'bin\xff', type: 'symlink', linkname: 't'.repeat(150) },
    ]);
    const list = execFileSync('tar', ['-tv', '--numeric-owner', '--quoting-style=c'], { input: bytes }).toString();
    expect(list.replace(/ {2,}/g, ' ')).toMatch(
      /^drwxr-x--- 3000000\/0 .* "d\/"\n.* 1 .*long\/f"\n.* 1000000 .* "sparse"\nl/,
    );
  });
});

// Why the reader is the project's own: the package decodes extended headers as UTF-8 and knows no sparse files.
describe('the tar-stream package', () => {
  it('reads what is plain as we do', async () => {
    const bytes = makeTar([
      { name: 'a', content: 'x' },
      { name: 'n'.repeat(200), content: 'y' },
    ]);
    expect((await byTarStream(bytes)).map(({ name }) => name)).toEqual((await read(bytes)).map(({ name }) => name));
  });

  it('loses file capabilities, which we keep', async () => {
    const bytes = makeTar([{ name: 'ping', xattrs: { 'security.capability': CAPABILITY } }]);
    const [entry] = await byTarStream(bytes);
    expect(entry?.pax?.['SCHILY.xattr.security.capability']).not.toBe(CAPABILITY);
    expect((await read(bytes))[0]?.xattrs.get('security.capability')).toBe(CAPABILITY);
  });
});
