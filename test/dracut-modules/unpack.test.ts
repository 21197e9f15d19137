import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { makeTar } from '../support/image-layers.ts';
import { must } from '../support/process.ts';
import { digest, tar } from './archives.ts';
import { runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** user::rwx, group::r-x, group:4:r-x, mask::r-x, other::r-x, as Linux keeps it (include/uapi/linux/posix_acl_xattr.h). */
const ACL = Buffer.from(
  '02000000' + '01000700ffffffff' + '04000500ffffffff' + '0800050004000000' + '10000500ffffffff' + '20000500ffffffff',
  'hex',
).toString('latin1');

/** The fields of a tar header that are read, as bytes. */
interface Header {
  readonly name: string;
  readonly size: string;
  readonly type?: string;
  readonly magic?: string;
}

const COMPRESSORS = [['cat'], ['gzip'], ['xz'], ['zstd', '-q']] as const;

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function unpack(bytes: Buffer) {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    const file = join(path, 'whatever.bin');
    await writeFile(file, bytes);
    const finished = await runLibrary(
      shell,
      path,
      `cat ${file} | slipway_digested ${path}/work/digest slipway_unpack $slipway_root; echo $?; cat ${path}/work/digest`,
    );
    const failure = await readFile(join(path, 'failure'), 'utf8').catch(() => '');
    const [code, sum] = finished.stdout.split(/\s+/);
    return {
      code,
      sum: `sha256:${sum}`,
      failure,
      root: join(path, 'memory/root'),
      file: await readFile(join(path, 'memory/root/etc/motd'), 'utf8').catch(() => ''),
    };
  }

  async function compressed([command, ...args]: readonly [string, ...string[]], bytes: Buffer): Promise<Buffer> {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    await writeFile(join(path, 'in'), bytes);
    await must('sh', [
      '-c',
      `"$@" < ${path}/in > ${path}/out`,
      'sh',
      command,
      ...(command === 'cat' ? args : [...args, '-c']),
    ]);
    return readFile(join(path, 'out'));
  }

  const content = randomBytes(100_000).toString('hex');
  const archive = tar([{ name: './etc/' }, { name: './etc/motd', content }]);

  test.each(COMPRESSORS.map((compressor) => [compressor] as const))(
    'an archive made with %s is known by its content, and every byte counts for the digest',
    async (compressor) => {
      const bytes = await compressed(compressor, Buffer.concat([archive, Buffer.alloc(200_000)]));
      const result = await unpack(bytes);
      expect(result.failure).toBe('');
      expect(result.code).toBe('0');
      expect(result.file).toBe(content);
      expect(result.sum).toBe(digest(bytes));
    },
  );

  test('what the kernel ends for want of memory is told of as such', async () => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    const script = `
      slipway_make_tools sh tar && printf '#!/%s/sh\nkill -9 $$\n' "$slipway_hidden" > "$slipway_tools/tar"
      head -c 9999999 /dev/zero | slipway_unpack $slipway_root`;
    expect((await runLibrary(shell, path, script)).code).toBe(1);
    expect(await readFile(join(path, 'failure'), 'utf8')).toContain('does not fit into its memory');
  });

  test('ACLs are kept, which are extended attributes', async () => {
    const xattrs = { 'system.posix_acl_default': ACL };
    const { root, failure } = await unpack(makeTar([{ name: 'journal', type: 'directory', xattrs }]));
    expect(failure).toBe('');
    const found = await must('getfattr', ['--absolute-names', '-d', '-m', '-', '-e', 'base64', join(root, 'journal')]);
    expect(found).toContain(`system.posix_acl_default=0s${Buffer.from(ACL, 'latin1').toString('base64')}`);
  });

  test.each(COMPRESSORS.map((compressor) => [compressor] as const))(
    'an archive made with %s and cut short is refused',
    async (compressor) => {
      const bytes = await compressed(compressor, archive);
      const result = await unpack(bytes.subarray(0, bytes.length / 2));
      expect(result.code).toBe('1');
      expect(result.failure).toContain('the archive cannot be unpacked: ');
    },
  );

  test.each([
    ['a name and a size', { name: './etc/motd', size: '00000000144\0' }, 'etc/motd 0 100 ustar'],
    ['the top directory', { name: './', size: '00000000000\0', type: '5' }, ' 5 0 ustar'],
    ['a name of 100 characters', { name: 'n'.repeat(100), size: '1 '.padStart(12) }, `${'n'.repeat(100)} 0 1 ustar`],
    ['8 GiB and more', { name: 'big', size: '\x80\0\0\0\0\0\0\x02\0\0\0\x01' }, 'big 0 8589934593 ustar'],
    ['no type and no magic', { name: 'old', size: '7\0', type: '\0', magic: '' }, 'old  7 '],
    ['what a console should not print', { name: 'a\x1bb\nc\xe9', size: '0' }, 'a?b?c? 0 0 ustar'],
    ['a size beyond all numbers', { name: 'n', size: `\x80\0\0\0${'\xff'.repeat(8)}` }, '1'],
    ['nothing', { name: '', size: '' }, '1'],
  ])('the header of a member with %s is read', async (_, { name, size, type = '0', magic = 'ustar' }: Header, read) => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    const header = Buffer.alloc(512);
    for (const [text, offset] of [
      [name, 0] as const,
      [size, 124] as const,
      [type, 156] as const,
      [magic, 257] as const,
    ])
      header.write(text, offset, 'latin1');
    // The second block: the first is another member's.
    await writeFile(join(path, 'archive'), Buffer.concat([tar([{ name: 'first' }]).subarray(0, 512), header]));
    const print = 'echo "$tar_name $tar_type $tar_size $tar_magic"';
    const { stdout, code } = await runLibrary(shell, path, `slipway_tar_header ${path}/archive 1 && ${print}`);
    expect(code === 0 ? stdout : `${code}\n`).toBe(`${read}\n`);
  });

  test('the header of a member that is cut off is none', async () => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    await writeFile(join(path, 'archive'), tar([{ name: 'first' }]).subarray(0, 511));
    expect((await runLibrary(shell, path, `slipway_tar_header ${path}/archive 0`)).code).toBe(1);
  });

  test('an error page in place of an archive is refused', async () => {
    const result = await unpack(Buffer.from('<html>It works!</html>\n'.repeat(100)));
    expect(result.code).toBe('1');
    expect(result.failure).toContain('This does not look like a tar archive');
  });
});
