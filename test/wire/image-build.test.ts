import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BuildManifest } from '../../src/images/store/manifest.ts';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import type { Member } from '../support/image-layers.ts';
import { BOOT, writeLayout } from '../support/image-source.ts';
import { TOP } from '../support/lab.ts';
import { must, run, start } from '../support/process.ts';

const CAPABILITY = '\x01\0\0\x02\0\xfc\x80\0\0\0\0\0\xff\0\0\0\0\0\0\0';
const file = (name: string, more: Partial<Member> = {}): Member => ({ name, content: name, mtime: 1000, ...more });
const dir = (name: string, more: Partial<Member> = {}): Member => ({ name, type: 'directory', mtime: 1000, ...more });

const LAYERS: readonly (readonly Member[])[] = [
  [
    dir('./', { mode: 0o755 }),
    dir('bin'),
    file('bin/su', { mode: 0o4755 }),
    file('bin/ping', { mode: 0o755, xattrs: { 'security.capability': CAPABILITY } }),
    file('own', { uid: 100_000, gid: 4_000_000_000, xattrs: { 'user.a': '\xff\0', 'trusted.b': 'c' } }),
    dir('tmp', { mode: 0o1777 }),
    dir('closed', { mode: 0 }),
    file('closed/in', { mode: 0 }),
    { name: 'null', type: 'character', mode: 0o666, major: 1, minor: 3, mtime: 1000 },
    { name: 'pipe', type: 'fifo', mtime: 1000 },
    file('sparse', { content: 'abcdef', holes: { size: 3_000_001, at: [4096, 999_999] } }),
    file('caf\xe9\n'),
    file(`${'deep/'.repeat(60)}end`),
    ...BOOT.map((member) => ({ ...member, mtime: 1000 })),
  ],
  [
    { name: 'bin/sudo', type: 'link', linkname: 'bin/su' },
    { name: 'sym', type: 'symlink', linkname: 'bin/ping', mtime: 1000 },
    file('.wh.pipe', { content: '' }),
  ],
];

let sources: string;
let layout: string;
let builder: Builder;

beforeAll(async () => {
  sources = await mkdtemp(join(tmpdir(), 'slipway-sources-'));
  await chmod(sources, 0o755);
  layout = join(sources, 'oci');
  await writeLayout(layout, LAYERS);
});
afterAll(() => rm(sources, { recursive: true, force: true }));
beforeEach(async () => {
  builder = await createBuilder();
});
afterEach(() => builder.destroy());

const build = (...more: readonly string[]) => ['build', `oci:${layout}`, '--name', 'a', ...more];
const manifestOf = async (name = 'a', { artifacts } = builder): Promise<BuildManifest> =>
  JSON.parse(await readFile(join(artifacts, name, 'manifest.json'), 'utf8'));

/** What is left of unfinished builds. */
const leftovers = () => readdir(join(builder.artifacts, '.images/work'));

/** Whether every file of an image is there with the digest that its manifest gives. */
async function isWhole(name = 'a'): Promise<boolean> {
  const { kernel, initrd, roots } = await manifestOf(name);
  for (const { file, sha256 } of [kernel, initrd, ...Object.values(roots)]) {
    const bytes = await readFile(join(builder.artifacts, name, file));
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) return false;
  }
  return true;
}

interface Files {
  readonly files: Record<string, unknown[]>;
  readonly links: unknown;
}
const filesIn = async (root: string): Promise<Files> =>
  JSON.parse(await must('python3', [join(TOP, 'test/support/image-files.py'), root, 'seconds']));

describe('what an ordinary user builds', () => {
  let expected: Files;
  beforeEach(async () => {
    await must('skopeo', ['copy', '-q', `oci:${layout}`, `oci:${builder.folder}/umoci-in:x`]);
    await must('umoci', ['raw', 'unpack', '--image', `${builder.folder}/umoci-in:x`, join(builder.folder, 'umoci')]);
    expected = await filesIn(join(builder.folder, 'umoci'));
    // umoci leaves the time of its work on directories that it took something out of or that no layer names.
    for (const [path, description] of Object.entries(expected.files)) {
      if (/^\.$|^deep|^bin$|^boot$/.test(path)) description[4] = 'any';
    }
  });
  const anyTime = (found: Files): Files => {
    for (const [path, description] of Object.entries(found.files)) {
      if (/^\.$|^deep|^bin$|^boot$/.test(path)) description[4] = 'any';
    }
    return found;
  };
  const target = () => join(builder.folder, 'found');

  it('as squashfs has every file as umoci unpacks it', async () => {
    await builder.must(build('--root', 'squashfs'));
    await must('unsquashfs', ['-q', '-n', '-d', target(), join(builder.artifacts, 'a/rootfs.squashfs')]);
    expect(anyTime(await filesIn(target()))).toEqual(expected);
  });

  it('as tar.zst has every file as umoci unpacks it', async () => {
    await builder.must(build('--root', 'tar.zst'));
    await mkdir(target());
    const options = ['--zstd', '-p', '--numeric-owner', '--same-owner', '--xattrs', '--xattrs-include=*'];
    await must('tar', ['-x', ...options, '-f', join(builder.artifacts, 'a/rootfs.tar.zst'), '-C', target()]);
    expect(anyTime(await filesIn(target()))).toEqual(expected);
  });

  it('as an OCI archive has the layers that the image had', async () => {
    await builder.must(build('--root', 'oci'));
    await must('skopeo', [
      'copy',
      '-q',
      `oci-archive:${builder.artifacts}/a/root.oci:latest`,
      `oci:${builder.folder}/o:x`,
    ]);
    await must('umoci', ['raw', 'unpack', '--image', `${builder.folder}/o:x`, target()]);
    expect(anyTime(await filesIn(target()))).toEqual(expected);
  });

  it.each(['squashfs', 'erofs', 'tar.zst'])(
    'as %s is built also of what it cannot hold, and it is said',
    async (kind) => {
      const odd = join(builder.folder, 'odd');
      const acls = { 'system.posix_acl_access': 'x', 'foo.bar': 'x', 'user.big': 'x'.repeat(2000) };
      const files = [
        file('old', { mtime: -300_000_000 }),
        file('late', { mtime: 5_000_000_000 }),
        file('attributes', { xattrs: acls }),
        file('n'.repeat(300)),
      ];
      await writeLayout(odd, [BOOT, files]);
      const said = await builder.must(['build', `oci:${odd}`, '--name', 'odd', '--root', kind]);
      expect(said).toMatch(/note: the image: a name that is too long for Linux is left out: \/n+\n/);
      const lost = kind !== 'tar.zst';
      expect(said.includes(`note: rootfs.${kind}: a time before 1970 is set to 1970-01-01: /old\n`)).toBe(lost);
      expect(said.includes(`note: rootfs.${kind}: a time after 2106 `)).toBe(lost);
      expect(said.includes(`note: rootfs.${kind}: an extended attribute is left out`)).toBe(lost);
    },
  );

  // fsck.erofs restores neither attributes nor links nor set-user-id bits.
  it('as EROFS has every name, mode, owner, time and content', async () => {
    await builder.must(build('--root', 'erofs'));
    await must('fsck.erofs', [`--extract=${target()}`, '--preserve', join(builder.artifacts, 'a/rootfs.erofs')]);
    const plain = ({ files }: Files) =>
      Object.fromEntries(
        Object.entries(files).map(([path, [mode, uid, gid, device, time, , content, size]]) => [
          path,
          [String(mode).replace('0o104', '0o100'), uid, gid, device, time, content, size],
        ]),
      );
    expect(plain(anyTime(await filesIn(target())))).toEqual(plain(expected));
  });

  it('has the newest kernel and the initrd of the image', async () => {
    const text = await builder.must(build('--root', 'oci'));
    expect(await readFile(join(builder.artifacts, 'a/vmlinuz'), 'utf8')).toBe('new kernel');
    expect(await manifestOf()).toMatchObject({
      architecture: 'amd64',
      kernel: { version: '6.1.0-10-amd64', size: 10 },
      initrd: { from: 'own' },
      source: { created: '2024-01-02T03:04:05Z' },
    });
    expect(text).toContain('kernel 6.1.0-10-amd64');
    expect(await isWhole()).toBe(true);
  });
});

describe('an image with an SELinux policy', () => {
  const POLICY =
    '/.* u:object_r:default_t:s0\n/ -d u:object_r:root_t:s0\n/etc(/.*)? u:object_r:etc_t:s0\n/tmp/.* <<none>>\n';
  const layers: readonly (readonly Member[])[] = [
    [
      dir('./', { uid: 3, gid: 4, mode: 0o711 }),
      ...BOOT,
      dir('etc', { mode: 0o500 }),
      file('etc/shadow', { mode: 0 }),
      file('etc/selinux/config', { content: 'SELINUX=enforcing\nSELINUXTYPE=small\n' }),
      file('etc/selinux/small/contexts/files/file_contexts', { content: POLICY }),
      file('tmp/x', { xattrs: { 'security.selinux': 'stale' } }),
      { name: 'sym', type: 'symlink', linkname: 'etc', mtime: 1000 },
    ],
  ];
  const label = (type: string) => ({ 'security.selinux': Buffer.from(`u:object_r:${type}:s0\0`).toString('base64') });

  it.each([
    ['squashfs', (path: string, to: string) => must('unsquashfs', ['-q', '-n', '-d', to, path])],
    [
      'tar.zst',
      async (path: string, to: string) => {
        await mkdir(to);
        await must('tar', [
          '-x',
          '--zstd',
          '-p',
          '--numeric-owner',
          '--xattrs',
          '--xattrs-include=*',
          '-f',
          path,
          '-C',
          to,
        ]);
      },
    ],
  ] as const)('has its labels in %s, on the root directory too', async (kind, unpack) => {
    await writeLayout(join(sources, `selinux-${kind}`), layers);
    await builder.must(['build', `oci:${join(sources, `selinux-${kind}`)}`, '--name', 'a', '--root', kind]);
    await unpack(join(builder.artifacts, 'a', `rootfs.${kind}`), join(builder.folder, 'found'));
    const { files } = await filesIn(join(builder.folder, 'found'));
    const [mode, uid, gid, , time, attributes] = files['.'] ?? [];
    expect([mode, uid, gid, time, attributes]).toEqual(['0o40711', 3, 4, 1000, label('root_t')]);
    expect(files['etc/shadow']?.[5]).toEqual(label('etc_t'));
    expect(files['etc/shadow']?.[0]).toBe('0o100000');
    expect(files.sym?.[5]).toEqual(label('default_t'));
    expect(files['tmp/x']?.[5]).toEqual({});
    expect((await manifestOf()).selinux).toBe('small');
  });
});

describe('the same source', () => {
  it('gives the same bytes, in another folder too', async () => {
    const other = await createBuilder();
    try {
      const roots = ['--root', 'squashfs,erofs,tar.zst,oci', '--json'];
      const [first, again, elsewhere] = [
        await builder.must(build(...roots)),
        await builder.must(build(...roots)),
        await other.must(build(...roots)),
      ].map((text) => JSON.parse(text));
      expect(again).toEqual({ ...first, same: true });
      expect(elsewhere).toEqual(first);
    } finally {
      await other.destroy();
    }
  });

  it('with SOURCE_DATE_EPOCH has no file that is newer', async () => {
    await builder.must(build('--root', 'tar.zst'), { SOURCE_DATE_EPOCH: '500' });
    const list = await must('tar', ['-tv', '--full-time', '--zstd', '-f', join(builder.artifacts, 'a/rootfs.tar.zst')]);
    expect(list).toContain('1970-01-01 00:08:20');
    expect(list).not.toContain('1970-01-01 00:16:40');
    const wrong = await builder.run(build(), { SOURCE_DATE_EPOCH: 'today' });
    expect(wrong.stderr).toContain('expected seconds since 1970');
  });

  it('comes with bytes and rate, and not twice', async () => {
    const source = `oci-archive:${sources}/noise.oci`;
    // So much that it takes time: what does not has no rate.
    const noise = randomBytes(60e6).toString('latin1');
    await writeLayout(join(sources, 'noise'), [[...BOOT, file('noise', { content: noise })]]);
    await must('skopeo', ['copy', '-q', `oci:${sources}/noise`, `${source}:x`]);
    const args = ['build', source, '--name', 'a', '--root', 'oci'];
    expect((await builder.run(args)).stderr).toMatch(/^fetching oci-archive:\S+: [\d.]+ s, 60 MB, .*B\/s$/m);
    // The small documents may be written anew.
    expect((await builder.run(args)).stderr).toMatch(/^fetching oci-archive:\S+: [\d.]+ s(, \d kB.*)?$/m);
  });

  it('gives the same root from every kind of source', async () => {
    const archive = join(sources, 'plain.tar');
    await must('skopeo', ['copy', '-q', `oci:${layout}`, `oci-archive:${sources}/a.oci:x`]);
    await must('skopeo', ['copy', '-q', `oci:${layout}`, `docker-archive:${sources}/a.docker:x/y:z`]);
    await must('skopeo', ['copy', '-q', '--format', 'v2s2', `oci:${layout}`, `dir:${sources}/dir`]);
    const { stdout } = await builder.run(build('--root', 'tar.zst', '--json'));
    const wanted = JSON.parse(stdout).roots['tar.zst'].sha256;
    execFileSync('zstd', ['-q', '-d', '-o', archive, join(builder.artifacts, 'a/rootfs.tar.zst')]);
    execFileSync('gzip', ['-k', archive]);
    execFileSync('xz', ['-k', archive]);
    execFileSync('zstd', ['-q', '-k', archive]);
    for (const source of [
      ...[`oci-archive:${sources}/a.oci`, `docker-archive:${sources}/a.docker`, `dir:${sources}/dir`],
      ...[archive, `${archive}.gz`, `${archive}.xz`, `${archive}.zst`],
    ]) {
      const text = await builder.must(['build', source, '--name', 'b', '--root', 'tar.zst', '--json', '--quiet']);
      expect([source, JSON.parse(text).roots['tar.zst'].sha256]).toEqual([source, wanted]);
    }
    expect(await leftovers()).toEqual([]);
  });
});

describe('an index of platforms', () => {
  it('gives the image of the architecture that was asked for', async () => {
    const folder = join(sources, 'index');
    await writeLayout(folder, LAYERS, ['amd64', 'arm64']);
    const text = await builder.must([
      'build',
      `oci:${folder}`,
      '--name',
      'm',
      '--arch',
      'arm64',
      '--json',
      '--root',
      'oci',
    ]);
    expect(JSON.parse(text).architecture).toBe('arm64');
    const wrong = await builder.run(['build', `oci:${layout}`, '--name', 'm', '--arch', 'arm64']);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('the image is for amd64, not for arm64')]);
    expect((await manifestOf('m')).architecture).toBe('arm64');
  });
});

describe('what goes wrong', () => {
  const fails = async (args: readonly string[], env?: Readonly<Record<string, string>>) => {
    const { code, stderr } = await builder.run(args, env);
    expect(code).toBe(1);
    expect(await leftovers().catch(() => [])).toEqual([]);
    return stderr;
  };
  const withLayers = async (name: string, layers: readonly (readonly Member[])[]) => {
    await writeLayout(join(sources, name), layers);
    return ['build', `oci:${join(sources, name)}`, '--name', 'a', '--root', 'oci', '--quiet'];
  };

  it('is told with what to do: no kernel, no initrd, no such kernel', async () => {
    expect(await fails(await withLayers('empty', [[file('x')]]))).toContain('install one in the image');
    expect(await fails(await withLayers('bare', [BOOT.slice(0, -1)]))).toContain('install dracut-core');
    expect(await fails(build('--kernel', '7'))).toContain('it has: 6.1.0-10-amd64, 6.1.0-9-amd64');
  });

  it('takes an initrd that is given', async () => {
    await writeFile(join(sources, 'initrd'), 'mine');
    await builder.must([...(await withLayers('given', [BOOT.slice(0, -1)])), '--initrd', join(sources, 'initrd')]);
    expect(await readFile(join(builder.artifacts, 'a/initrd.img'), 'utf8')).toBe('mine');
  });

  it('names the package of a program that is missing', async () => {
    const bin = join(builder.folder, 'bin');
    await mkdir(bin);
    for (const tool of ['skopeo', 'zstd', 'tar', 'sh', 'gzip', 'fakeroot'])
      await symlink(`/usr/bin/${tool}`, join(bin, tool));
    const lacking = await fails(build('--root', 'oci'), { PATH: bin });
    expect(lacking).toContain("bwrap is missing: install Debian's package bubblewrap");
    await symlink('/usr/bin/bwrap', join(bin, 'bwrap'));
    const stderr = await fails(build('--root', 'squashfs'), { PATH: bin });
    expect(stderr).toMatch(/(mksquashfs|sqfstar) is missing: install Debian's package squashfs-tools/);
  });

  it('is told for what is no image, and for wrong arguments', async () => {
    expect(await fails(build('--root', 'iso'))).toContain('expected some of squashfs,erofs,tar.zst,oci');
    expect(await fails(['build', 'https://x', '--name', 'a'])).toContain('is no source of images');
    expect(await fails(['build', '/nowhere.tar', '--name', 'a'])).toContain('there is no /nowhere.tar');
    expect(await fails(['build', `oci:${layout}`, '--name', '../a'])).toContain('--name');
    expect(await fails(['build', 'oci:/nowhere:x', '--name', 'a'])).toContain('skopeo failed');
    await writeFile(join(sources, 'text'), 'no archive'.repeat(100));
    expect(await fails(['build', join(sources, 'text'), '--name', 'a'])).toContain('no tar archive');
    expect(await fails(await withLayers('bad', [[...BOOT, { name: 'l', type: 'link', linkname: 'gone' }]]))).toContain(
      'layer 1 of 1: l is a hard link to gone, which is not there',
    );
  });

  it('is told by name where mkfs.erofs 1.5 knows no name so long', async () => {
    const long = `etc/${'n'.repeat(255)}`;
    const { code, stderr } = await builder.run([
      ...(await withLayers('long', [[...BOOT, file(long)]])),
      '--root',
      'erofs',
    ]);
    // Newer ones know it.
    if (code !== 0) expect(stderr).toContain(`takes no names of 255 bytes, as ${long} has`);
  });

  it('leaves what it did not make alone', async () => {
    await mkdir(join(builder.artifacts, 'a'));
    expect(await fails(build())).toContain('was not made by "slipway image build"');
  });

  it('on a full disk leaves the old image whole, and says so', async () => {
    await must('mount', ['-t', 'tmpfs', '-o', 'size=3M,uid=65534,gid=65534', 'x', builder.artifacts]);
    try {
      await builder.must([...(await withLayers('small', [BOOT]))]);
      const before = await readlink(join(builder.artifacts, 'a'));
      const noise = Array.from({ length: 6e6 }, (_, i) => String.fromCharCode((i * 7919 + (i >> 7)) & 255)).join('');
      const stderr = await fails(await withLayers('big', [[...BOOT, file('noise', { content: noise })]]));
      expect(stderr).toContain('no space is left on the disk');
      expect(await readlink(join(builder.artifacts, 'a'))).toBe(before);
      expect(await isWhole()).toBe(true);
    } finally {
      await must('umount', [builder.artifacts]);
    }
  });
});

describe('a build that is killed', () => {
  it('at any moment leaves the image before it, and the next build is none the worse', async () => {
    await builder.must(build('--root', 'oci'));
    const whole = async () => {
      expect(await isWhole()).toBe(true);
      return readlink(join(builder.artifacts, 'a'));
    };
    const old = await whole();
    const began = performance.now();
    await builder.must(['build', `oci:${layout}`, '--name', 'timed', '--root', 'tar.zst,squashfs,oci']);
    const duration = performance.now() - began;
    for (let i = 0; i < 20; i++) {
      const running = builder.start(build('--root', 'tar.zst,squashfs,oci'));
      const timer = setTimeout(() => running.child.kill('SIGKILL'), (duration * (i + Math.random())) / 20);
      await running.exit;
      clearTimeout(timer);
      await whole();
    }
    await builder.must(build('--root', 'tar.zst,squashfs,oci'));
    expect(await whole()).not.toBe(old);
    expect(await leftovers()).toEqual([]);
  });

  it('by a signal that can be caught cleans up at once', async () => {
    const running = builder.start(build('--root', 'squashfs'));
    await running.until(/fetching/);
    const { code, stderr } = await running.stop('SIGTERM');
    // It may have been done already.
    if (code !== 0) expect(stderr).toContain('ended by SIGTERM');
    expect(await leftovers()).toEqual([]);
  });
});

describe('several images', () => {
  it('can be built at once, of one name and of others', async () => {
    const finished = await Promise.all(
      ['a', 'a', 'b', 'c'].map((name) =>
        builder.run(['build', `oci:${layout}`, '--name', name, '--root', 'tar.zst,oci']),
      ),
    );
    expect(finished.map(({ code, stderr }) => (code === 0 ? '' : stderr))).toEqual(['', '', '', '']);
    for (const name of ['a', 'b', 'c']) expect(await isWhole(name)).toBe(true);
    expect(await leftovers()).toEqual([]);
  });

  it('are listed, shown and removed', async () => {
    expect(await builder.must(['ls'])).toContain('no images');
    await builder.must(build('--root', 'oci', '--quiet'));
    expect(await builder.must(['ls'])).toMatch(/^NAME .*\na +[0-9a-f]{16} +amd64 +6\.1\.0-10-amd64 +\S+ \S+ +oci\n$/);
    expect(JSON.parse(await builder.must(['ls', '--json']))).toMatchObject([{ name: 'a', format: 1 }]);
    expect(await builder.must(['show', 'a'])).toContain('root.oci');
    expect(JSON.parse(await builder.must(['show', 'a', '--json']))).toMatchObject({
      name: 'a',
      unpacked: expect.any(Number),
    });
    const used = join(builder.artifacts, '../used.yaml');
    await writeFile(used, `artifacts: ${builder.artifacts}\nnodes: { n7: { mac: "52:54:00:00:00:07", image: a } }\n`);
    const remove = (...more: string[]) =>
      run(process.execPath, [join(TOP, 'dist/cli.js'), 'image', 'rm', 'a', '--config', used, ...more]);
    const refused = await remove();
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/boots these with: n7; .*--force/)]);
    expect(existsSync(join(builder.artifacts, 'a'))).toBe(true);
    expect((await remove('--force')).stdout).toContain('a is removed');
    expect((await builder.run(['rm', 'a'])).stderr).toContain('there is no image "a"');
    expect((await builder.run(['show', '../a'])).stderr).toContain('there is no image');
    expect(existsSync(join(builder.artifacts, 'a'))).toBe(false);
  });

  it('share blobs, which are not fetched again', async () => {
    const once = join(sources, 'once');
    await must('cp', ['-r', layout, once]);
    await builder.must(['build', `oci:${once}`, '--name', 'a', '--root', 'oci']);
    const blobs = join(builder.artifacts, '.images/blobs/sha256');
    const [before, inode] = [(await readdir(blobs)).sort(), await must('ls', ['-i', blobs])];
    await builder.must(['build', `oci:${once}`, '--name', 'b', '--root', 'oci']);
    expect((await readdir(blobs)).sort()).toEqual(before);
    // Layers are not copied; the small documents may be written anew.
    const big = (list: string) => list.split('\n').filter((line) => inode.includes(line));
    expect(big(await must('ls', ['-i', blobs])).length).toBeGreaterThanOrEqual(LAYERS.length);
  });

  it('that nothing names go an hour later, with blobs that nothing is made of', async () => {
    const gc = async () => JSON.parse(await builder.must(['gc', '--json']));
    const builds = join(builder.artifacts, '.images/builds');
    const age = async () => {
      for (const id of await readdir(builds)) await utimes(join(builds, id), 1000, 1000);
    };
    await builder.must(build('--root', 'oci'));
    await writeLayout(join(sources, 'second'), [...LAYERS, [file('second')]]);
    await builder.must(['build', `oci:${join(sources, 'second')}`, '--name', 'a', '--root', 'oci']);
    expect(await gc()).toMatchObject({ builds: 0, blobs: 0, running: 0 });
    await age();
    // The second image has the first one's layers, so only the first one's own two documents go.
    expect(await gc()).toMatchObject({ builds: 1, blobs: 2 });
    expect(await isWhole()).toBe(true);
    await builder.must(['rm', 'a']);
    expect(await gc()).toMatchObject({ builds: 0 });
    await age();
    const { builds: gone, bytes } = await gc();
    expect([gone, bytes > 0]).toEqual([1, true]);
    expect(await readdir(join(builder.artifacts, '.images/blobs/sha256'))).toEqual([]);
  });

  it('are freed but for the files that the store holds by a further name', async () => {
    await builder.must(build('--root', 'oci'));
    const [id = ''] = await readdir(join(builder.artifacts, '.images/builds'));
    const folder = join(builder.artifacts, '.images/builds', id);
    const held = join(builder.artifacts, 'held');
    await must('ln', [join(folder, 'vmlinuz'), held]);
    await builder.must(['rm', 'a']);
    await utimes(folder, 1000, 1000);
    expect(JSON.parse(await builder.must(['gc', '--json'])).builds).toBe(1);
    expect(await readFile(held, 'utf8')).toBe('new kernel');
  });
});

describe('the default root', () => {
  it('is what machines boot of the image', async () => {
    const boots = await createBuilder(
      'images: { a: { kernel: a/vmlinuz, root: { method: live, source: a/rootfs.squashfs } } }\n' +
        'nodes: { n: { mac: "52:54:00:00:00:01", image: a } }\n',
    );
    try {
      await boots.must(build());
      expect(Object.keys((await manifestOf('a', boots)).roots)).toEqual(['squashfs']);
    } finally {
      await boots.destroy();
    }
  });
});

/** Debian's package docker-registry. */
const REGISTRY = (process.env.PATH ?? '')
  .split(':')
  .map((bin) => join(bin, 'docker-registry'))
  .find(existsSync);

describe.skipIf(REGISTRY === undefined)('a registry', () => {
  it('gives what was pushed to it, over plain HTTP when that is allowed', async () => {
    const storage = join(sources, 'registry');
    await mkdir(storage);
    const config = join(sources, 'registry.yml');
    await writeFile(
      config,
      `version: 0.1\nstorage: { filesystem: { rootdirectory: ${storage} } }\nhttp: { addr: "127.0.0.1:0" }\n`,
    );
    const registry = start(REGISTRY ?? '', ['serve', config]);
    try {
      const [, address] = await registry.until(/listening on (127\.0\.0\.1:\d+)/);
      const image = `docker://${address}/a/b:c`;
      await must('skopeo', ['copy', '-q', '--dest-tls-verify=false', `oci:${layout}`, image]);
      // Also where root has run Podman, and the user has no session.
      const closed = 'mkdir -p /run/containers && mount -t tmpfs -o mode=0700 tmpfs /run/containers && exec "$@"';
      const beside = ['unshare', '--mount', 'sh', '-c', closed, 'sh'];
      const refused = await builder.run(['build', image, '--name', 'a'], {}, beside);
      expect(refused.stderr).toContain('HTTP response to HTTPS client');
      await builder.must(['build', image, '--name', 'a', '--insecure', '--root', 'tar.zst']);
      await builder.must(['build', `oci:${layout}`, '--name', 'b', '--root', 'tar.zst']);
      const [pulled, local] = [await manifestOf('a'), await manifestOf('b')];
      expect(pulled.roots).toEqual(local.roots);
    } finally {
      await registry.stop();
    }
  });
});
