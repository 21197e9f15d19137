import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { BuildManifest } from '../../src/images/store/manifest.ts';
import { detectCompression, nodesUndo } from '../../src/images/tools/compression.ts';
import { runLibrary } from '../dracut-modules/shell.ts';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import { makeTar } from '../support/image-layers.ts';
import { BOOT, writeLayout } from '../support/image-source.ts';

const ROOT = [
  { name: 'etc', type: 'directory' as const },
  { name: 'etc/motd', content: 'hello '.repeat(10_000) },
  ...BOOT,
];

let folder: string;
let builder: Builder;

const sh = (script: string) => execFileSync('sh', ['-ec', script], { cwd: folder, stdio: 'pipe' }).toString();

/** Puts blobs of its own into a layout; gives their descriptor. */
async function keep(layout: string, bytes: Buffer, mediaType: string) {
  const hex = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(folder, layout, 'blobs/sha256', hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
const type = (what: string) => `application/vnd.oci.image.${what}`;
const write = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value));

/** A layout whose one layer is compressed by a shell command. */
async function compressedLayer(name: string, command: string, diffId: string): Promise<void> {
  await writeLayout(join(folder, name), [ROOT]);
  await writeFile(join(folder, 'layer'), makeTar(ROOT));
  sh(`${command} < layer > layer.out`);
  const layer = await keep(name, await readFile(join(folder, 'layer.out')), type('layer.v1.tar+zstd'));
  const rootfs = { type: 'layers', diff_ids: [diffId] };
  const text = JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs });
  const config = await keep(name, Buffer.from(text), type('config.v1+json'));
  const mediaType = type('manifest.v1+json');
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [layer] });
  await write(`${name}/index.json`, { manifests: [await keep(name, Buffer.from(manifest), mediaType)] });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-sources-'));
  await chmod(folder, 0o755);
  await writeLayout(join(folder, 'one'), [ROOT]);
  // What writeLayout puts into an index of its own stands in index.json by itself here.
  await writeLayout(join(folder, 'bare'), [ROOT], ['arm64', 'amd64']);
  sh('cp -r bare nested');
  const { manifests } = JSON.parse(await readFile(join(folder, 'bare/index.json'), 'utf8'));
  const inner = JSON.parse(await readFile(join(folder, 'bare/blobs/sha256', manifests[0].digest.slice(7)), 'utf8'));
  await write('bare/index.json', inner);
  sh('cp -r bare labelled');
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  await write('labelled/index.json', {
    manifests: inner.manifests.map((each: object) => ({ ...each, annotations })),
  });
  const diffId = `sha256:${createHash('sha256').update(makeTar(ROOT)).digest('hex')}`;
  await compressedLayer('pzstd', 'pzstd -q -c', diffId);
  await compressedLayer('bzip2', 'bzip2 -c', diffId);
  await compressedLayer('lz4', 'lz4 -q -c', diffId);
  await compressedLayer('lzma', 'lzma -c', diffId);
  sh(`for each in one bare labelled; do tar -cf $each.tar -C $each .; done
    gzip -k one.tar; pzstd -q -k one.tar; bzip2 -k one.tar; xz -k one.tar; gzip -k bare.tar
    skopeo --insecure-policy copy -q oci:one docker-archive:docker.tar:x:latest; gzip -k docker.tar`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  builder = await createBuilder();
});
afterEach(() => builder.destroy());

async function build(source: string, ...more: readonly string[]) {
  const { code, stderr } = await builder.run(['build', source, '--name', 'a', '--root', 'oci', ...more]);
  const text = await readFile(join(builder.artifacts, 'a/manifest.json'), 'utf8').catch(() => '{}');
  return { code, stderr, manifest: JSON.parse(text) as BuildManifest };
}

it.each([
  ['oci:FOLDER/bare', 'amd64'],
  ['oci:FOLDER/labelled', 'amd64'],
  ['oci:FOLDER/labelled:latest', 'arm64'],
  ['oci:FOLDER/nested', 'arm64'],
  ['oci-archive:FOLDER/bare.tar', 'amd64'],
  ['oci-archive:FOLDER/bare.tar', 'arm64'],
  ['oci-archive:FOLDER/bare.tar.gz', 'amd64'],
  ['oci-archive:FOLDER/labelled.tar:latest', 'amd64'],
  ['oci-archive:FOLDER/labelled.tar:latest', 'arm64'],
])('of %s the image for %s is built', async (source, architecture) => {
  const { stderr, manifest } = await build(source.replace('FOLDER', folder), '--arch', architecture);
  expect(manifest.architecture, stderr).toBe(architecture);
});

it.each(['bare', 'nested'])(
  'a platform that is not among those of %s is refused, with those that are',
  async (name) => {
    const { code, stderr } = await build(`oci:${folder}/${name}`, '--arch', 'arm/v7');
    expect(code).not.toBe(0);
    expect(stderr).toContain('the image is not for linux/arm/v7, but for linux/amd64, linux/arm64');
  },
);

it.each([
  'oci-archive:FOLDER/one.tar.gz',
  'oci-archive:FOLDER/one.tar.zst',
  'oci-archive:FOLDER/one.tar.bz2',
  'oci-archive:FOLDER/one.tar.xz',
  'docker-archive:FOLDER/docker.tar',
  'docker-archive:FOLDER/docker.tar.gz',
])('%s is built', async (source) => {
  const { code, stderr } = await build(source.replace('FOLDER', folder));
  expect(code, stderr).toBe(0);
});

it.each([
  ['FOLDER/one.tar', 'oci-archive:FOLDER/one.tar'],
  ['FOLDER/one.tar.gz', 'oci-archive:FOLDER/one.tar.gz'],
  ['FOLDER/docker.tar', 'docker-archive:FOLDER/docker.tar'],
  ['oci-archive:FOLDER/docker.tar.gz', 'docker-archive:FOLDER/docker.tar.gz'],
  ['docker-archive:FOLDER/one.tar.gz', 'oci-archive:FOLDER/one.tar.gz'],
])('%s is refused, with its right name', async (source, right) => {
  const { code, stderr } = await build(source.replace('FOLDER', folder));
  expect(code).not.toBe(0);
  expect(stderr).toContain(`name it ${right.replace('FOLDER', folder)}`);
});

it.each(['pzstd', 'bzip2', 'lz4', 'lzma'])('a layer by %s is built, and nodes can read it', async (name) => {
  const { code, stderr, manifest } = await build(`oci:${folder}/${name}`);
  expect(code, stderr).toBe(0);
  for (const digest of manifest.source.layers) {
    const bytes = await readFile(join(builder.artifacts, '.images/blobs/sha256', digest.slice(7)));
    expect(nodesUndo(detectCompression(bytes))).toBe(true);
  }
  // What nodes get is still an image, whole.
  const node = await runLibrary(
    ['dash'],
    builder.folder,
    `oci_receive $slipway_root < ${builder.artifacts}/a/root.oci`,
  );
  expect(node.code, node.stderr).toBe(0);
  expect(await readFile(join(builder.folder, 'memory/root/etc/motd'), 'utf8')).toHaveLength(60_000);
});

/** Copies a layout and changes its image: the blobs of index, manifest, configuration and layer by their digests. */
async function lie(
  name: string,
  change: (blobs: Readonly<Record<string, string>>) => Promise<unknown>,
): Promise<string> {
  const layout = join(folder, `lie-${name}`);
  sh(`rm -rf lie-${name} && cp -r nested lie-${name}`);
  const file = ({ digest }: { digest: string }) => join(layout, 'blobs/sha256', digest.slice(7));
  const read = async (path: string) => JSON.parse(await readFile(path, 'utf8'));
  const index = file((await read(join(layout, 'index.json'))).manifests[0]);
  const manifest = file((await read(index)).manifests[1]);
  const { config, layers } = await read(manifest);
  await change({ layout, index, manifest, config: file(config), layer: file(layers[0]) });
  return `oci:${layout}`;
}

it.each(['index', 'manifest', 'config', 'layer'])(
  'one changed byte in the %s is refused, and leaves no build',
  async (which) => {
    const source = await lie(which, async (blobs) => {
      const path = blobs[which] ?? '';
      // Still what it was, but for its digest.
      await writeFile(path, Buffer.concat([await readFile(path), Buffer.from(which === 'layer' ? '\0' : ' ')]));
    });
    const { code, stderr } = await build(source, '--arch', 'amd64');
    expect(code, stderr).not.toBe(0);
    expect(stderr).toMatch(/digest|damaged|size/i);
    expect(stderr).not.toContain('ENOENT');
  },
);

it.each(['manifest', 'config', 'layer'])('a layout that lacks its %s is refused', async (which) => {
  const { code, stderr } = await build(await lie(which, (blobs) => rm(blobs[which] ?? '')), '--arch', 'amd64');
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/no such file|does not exist/i);
});

it('an index that contains itself is refused', async () => {
  const source = await lie('itself', async ({ layout = '', index = '' }) => {
    const { manifests } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
    const platform = { os: 'linux', architecture: 'amd64' };
    await writeFile(index, JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifests[0], platform }] }));
  });
  const { code, stderr } = await build(source, '--arch', 'amd64');
  expect(code).not.toBe(0);
  expect(stderr).toContain('its digest is wrong');
});

it('a layer that is elsewhere is refused as such', async () => {
  await writeLayout(join(folder, 'foreign'), [ROOT]);
  const { manifests } = JSON.parse(await readFile(join(folder, 'foreign/index.json'), 'utf8'));
  const path = join(folder, 'foreign/blobs/sha256', manifests[0].digest.slice(7));
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  const elsewhere = {
    ...{ mediaType: type('layer.nondistributable.v1.tar+gzip'), digest: `sha256:${'a'.repeat(64)}`, size: 1000 },
    urls: ['http://127.0.0.1:9/layer'],
  };
  const changed = JSON.stringify({ ...manifest, layers: [...manifest.layers, elsewhere] });
  await write('foreign/index.json', {
    manifests: [await keep('foreign', Buffer.from(changed), manifests[0].mediaType)],
  });
  const { code, stderr } = await build(`oci:${folder}/foreign`);
  expect(code).not.toBe(0);
  expect(stderr).toContain('elsewhere');
});

it('a layer by gzip in many members is built', async () => {
  await compressedLayer(
    'members',
    'split -b 3000 --filter="gzip -c"',
    `sha256:${createHash('sha256').update(makeTar(ROOT)).digest('hex')}`,
  );
  const { code, stderr } = await build(`oci:${folder}/members`);
  expect(code, stderr).toBe(0);
});
