import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import type { Member } from '../support/image-layers.ts';
import { BOOT, makeCpio, writeLayout } from '../support/image-source.ts';
import { must } from '../support/process.ts';

const release = (version: string): Member => ({
  name: 'etc/os-release',
  content: `ID=debian\nVERSION_ID="${version}"\nVERSION_CODENAME=bookworm\n`,
});
/** A kernel and its modules, and no initrd. */
const KERNEL = [
  ...BOOT.slice(0, -1),
  { name: 'usr/lib/modules/6.1.0-10-amd64/modules.dep', content: 'of the image' },
  { name: 'usr/lib/firmware/card.bin', content: 'firmware of the image' },
];
/** An initrd, as far as a build looks at it. */
const said = makeCpio({ 'usr/lib/slipway/slipway-lib.sh': '# the modules' }).toString('latin1');

let sources: string;
let builder: Builder;

beforeAll(async () => {
  sources = await mkdtemp(join(tmpdir(), 'slipway-sources-'));
  await chmod(sources, 0o755);
  await writeLayout(join(sources, 'image'), [[...KERNEL, release('12')]]);
  builder = await createBuilder();
});
afterAll(async () => {
  await builder.destroy();
  await rm(sources, { recursive: true, force: true });
});

const build = (...more: readonly string[]) => ['build', `oci:${sources}/image`, '--name', 'a', '--quiet', ...more];

/** Builds with a builder of these files. */
async function buildIn(name: string, members: readonly Member[]) {
  await writeLayout(join(sources, name), [members]);
  return builder.run(build('--builder', `oci:${sources}/${name}`));
}

/** busybox of this machine with its libraries, so that a shell script can stand in for dracut. */
async function busybox(): Promise<readonly Member[]> {
  const names = ['sh', 'env', 'mkdir', 'cp', 'mv', 'cat', 'ls', 'ln', 'grep', 'chroot', 'tail', 'rm'];
  const loaded = (await must('ldd', ['/usr/bin/busybox'])).match(/\/\S+(?= \()/g) ?? [];
  const copy = async (name: string, path: string): Promise<Member> => ({
    name,
    mode: 0o755,
    content: await readFile(path, 'latin1'),
  });
  return [
    ...['bin', 'lib', 'lib64'].map((name): Member => ({ name, type: 'symlink', linkname: `usr/${name}` })),
    ...(await Promise.all(loaded.map((path) => copy(`usr${path}`, path)))),
    await copy('usr/bin/busybox', '/usr/bin/busybox'),
    ...names.map((name): Member => ({ name: `usr/bin/${name}`, type: 'symlink', linkname: 'busybox' })),
    { name: 'usr/lib/dracut/modules.d/x', content: '' },
  ];
}

describe('an image without dracut', () => {
  it('says how a builder is made', async () => {
    const { code, stderr } = await builder.run(build());
    expect([code, stderr]).toEqual([1, expect.stringContaining('bookworm builder.tar" and give it with --builder')]);
  });

  it('is refused a builder that is of another system, or that has no dracut', async () => {
    expect((await buildIn('bare', [release('12')])).stderr).toContain('the builder has no dracut either');
    const other = await buildIn('other', [release('13'), { name: 'usr/bin/dracut', content: '' }]);
    expect(other.stderr).toContain('the builder is debian 13, and the image debian 12: they have to be the same');
    expect((await builder.run(build('--builder', 'ftp://x'))).stderr).toContain('is no source of images');
  });

  it('gets its initrd from the dracut of the builder, with its own modules and firmware', async () => {
    const dracut = [
      '#!/bin/sh -e',
      'for last; do :; done',
      'cat /initrd.cpio > "$last"',
      'cat /lib/modules/*/modules.dep /lib/firmware/* >> "$last"',
    ].join('\n');
    const { code, stderr } = await buildIn('good', [
      ...(await busybox()),
      release('12'),
      { name: 'usr/bin/dracut', mode: 0o755, content: dracut },
      { name: 'initrd.cpio', content: said },
      { name: 'usr/lib/modules/5.10/modules.dep', content: 'of the builder' },
      { name: 'usr/lib/firmware/old.bin', content: 'firmware of the builder' },
    ]);
    expect([stderr, code]).toEqual(['', 0]);
    const initrd = await readFile(join(builder.artifacts, 'a/initrd.img'), 'latin1');
    expect(initrd.slice(said.length)).toBe('of the imagefirmware of the image');
    const manifest = JSON.parse(await readFile(join(builder.artifacts, 'a/manifest.json'), 'utf8'));
    expect(manifest.initrd).toMatchObject({ from: 'dracut', builder: { layers: [expect.any(String)] } });
    expect(manifest.initrd.builder.digest).not.toBe(manifest.source.digest);
    expect(await builder.must(['show', 'a'])).toContain('made by dracut of the builder');
    await builder.must(['gc']);
    expect(await readBlobs()).toEqual(expect.arrayContaining(manifest.initrd.builder.layers));
  });
});

describe('a builder that attacks', () => {
  const attack = async (name: string, ...lines: readonly string[]) =>
    buildIn(name, [
      ...(await busybox()),
      release('12'),
      { name: 'usr/bin/dracut', mode: 0o755, content: ['#!/bin/sh', 'for last; do :; done', ...lines].join('\n') },
      { name: 'initrd.cpio', content: said },
    ]);

  it('sees no file, process, network, terminal or privilege of this machine', async () => {
    const secret = join(sources, 'secret');
    await writeFile(secret, 'secret', { mode: 0o644 });
    const { code, stderr } = await attack(
      'spy',
      'cat /initrd.cpio > "$last"',
      'exec >> "$last" 2> /dev/null',
      `cat ${secret} /proc/1/root${secret} /../..${secret}`,
      `mkdir /x; chroot /x/../../.. cat ${secret}`,
      `mkdir -p ${sources} && echo > ${sources}/written`,
      'ls -d /proc/[0-9]* | grep -c .; tail -n +3 /proc/net/dev | grep -v " lo:"',
      'cat < /dev/tty && echo terminal; grep -E "NoNewPrivs|CapEff" /proc/self/status; exit 0',
    );
    expect([stderr, code]).toEqual(['', 0]);
    const seen = (await readFile(join(builder.artifacts, 'a/initrd.img'), 'latin1')).slice(said.length);
    expect(seen).not.toContain('secret');
    expect(seen).not.toContain('terminal');
    expect(seen).toMatch(/^\d\n/);
    expect(seen).toContain('CapEff:\t0000000000040002\nNoNewPrivs:\t1');
    expect(await readdir(sources)).not.toContain('written');
  });

  it('cannot have a link taken for its initrd', async () => {
    const { code, stderr } = await attack('link', 'ln -s /etc/passwd "$last"');
    expect([code, stderr]).toEqual([1, expect.stringContaining("the image's dracut made no file of the initrd")]);
  });

  it('cannot print without end', async () => {
    const { code, stderr } = await attack('loud', 'while :; do cat /usr/bin/busybox; done');
    expect([code, stderr]).toEqual([1, expect.stringContaining('it said more than 16777216 bytes')]);
  });
});

async function readBlobs(): Promise<readonly string[]> {
  return (await readdir(join(builder.artifacts, '.images/blobs/sha256'))).map((hex) => `sha256:${hex}`);
}
