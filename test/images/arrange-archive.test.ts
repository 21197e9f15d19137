import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { arrangeArchive } from '../../src/images/oci/arrange-archive.ts';
import { readTar } from '../../src/images/tar/tar-read.ts';
import { memoryFile } from '../../src/model/files/random-access.ts';
import { type Member, makeTar } from '../support/image-layers.ts';
import { blobOf, blobsFirst, joinIndexes, makeLayout } from '../support/oci-archive.ts';
import { must } from '../support/process.ts';

const LAYERS = ['lowest'.repeat(200), 'middle', 'x'.repeat(1024), ''];
const image = makeLayout(LAYERS);
const { layout, index, manifest, config, layers } = image;
const names = (members: readonly Member[]) => members.map(({ name }) => name);
const ORDER = names([layout, index, manifest, config, ...layers]);

/** The archive in its new order; undefined where it stays as it is. */
async function arranged(archive: Buffer, label = 'latest'): Promise<Buffer | undefined> {
  const pieces = await arrangeArchive(memoryFile(archive), label, 'archive');
  return (
    pieces && Buffer.concat(pieces.map((p) => ('bytes' in p ? p.bytes : archive.subarray(p.first, p.first + p.length))))
  );
}

async function filesOf(archive: Buffer | undefined): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { name, type } of readTar(memoryFile(archive ?? Buffer.alloc(1024)))) {
    if (type === 'file') found.push(name);
  }
  return found;
}

describe('an archive', () => {
  it('that has blobs before their index is put into the order in which it is unpacked', async () => {
    const archive = blobsFirst(image);
    expect(await filesOf(archive)).not.toEqual(ORDER);
    const result = await arranged(archive);
    expect(await filesOf(result)).toEqual(ORDER);
    expect(await arranged(result ?? archive)).toBeUndefined();
  });

  it('is still one for tar and skopeo', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-arranged-'));
    try {
      await writeFile(join(folder, 'a.oci'), (await arranged(blobsFirst(image))) ?? '');
      await must('tar', ['-x', '-f', 'a.oci'], { cwd: folder });
      expect(await readFile(join(folder, layers[0]?.name ?? ''), 'utf8')).toBe(LAYERS[0]);
      const raw = await must('skopeo', ['inspect', '--raw', `oci-archive:${folder}/a.oci:latest`]);
      expect(raw).toBe(manifest.content);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each<[string, readonly Member[]]>([
    ['a manifest before the index', [layout, manifest, index, config, ...layers]],
    ['layers from the top down', [layout, index, manifest, config, ...layers.toReversed()]],
    ['the configuration last', [layout, index, manifest, ...layers, config]],
    ['a file of something else in between', [layout, index, { name: 'x', content: 'y' }, manifest, config, ...layers]],
    [
      'names that begin with ./',
      [manifest, config, layout, ...layers, index].map((m) => ({ ...m, name: `./${m.name}` })),
    ],
  ])('with %s is arranged', async (_, members) => {
    expect(await filesOf(await arranged(makeTar(members)))).toEqual(ORDER);
  });

  it.each<[string, readonly Member[]]>([
    ['it has the order', [layout, index, manifest, config, ...layers]],
    [
      'it has it, with directories',
      [layout, index, { name: 'blobs/', type: 'directory' }, manifest, config, ...layers],
    ],
    ['something else follows', [layout, index, manifest, config, ...layers, { name: 'x', content: 'y' }]],
    ['a layer is missing', [...layers.slice(1), layout, index, manifest, config]],
    ['the manifest is missing', [config, ...layers, layout, index]],
    ['a name comes twice', [...layers, layout, index, index, manifest, config]],
    [
      'it is that of a root file system',
      [...Array.from({ length: 30 }, (_, i) => ({ name: `etc/${i}` })), ...layers, index, manifest],
    ],
    ['it is a docker-archive', [{ name: 'manifest.json', content: '[]' }]],
    ['its index is no JSON', [...layers, manifest, config, { ...index, content: 'x' }]],
    ['its index is a list', [...layers, manifest, config, { ...index, content: '[]' }]],
    ['a digest is a path', [...layers, { ...index, content: '{"manifests":[{"digest":"sha256:../x","size":1}]}' }]],
  ])('stays as it is where %s', async (_, members) => {
    expect(await arranged(makeTar(members))).toBeUndefined();
  });

  it.each([
    ['no archive at all', Buffer.from('x'.repeat(5000))],
    ['cut short', blobsFirst(image).subarray(0, 3000)],
    ['empty', Buffer.alloc(0)],
  ])('stays as it is where it is %s', async (_, archive) => {
    expect(await arranged(archive)).toBeUndefined();
  });

  it('without a configuration or an oci-layout is arranged all the same', async () => {
    const result = await arranged(makeTar([...layers, manifest, index]));
    expect(await filesOf(result)).toEqual(names([index, manifest, ...layers]));
  });

  it('has a layer that comes twice in the image once, where it is first needed', async () => {
    const double = makeLayout(['a', 'b', 'a']);
    const result = await arranged(
      makeTar([...double.layers.slice(0, 2), double.manifest, double.config, double.index]),
    );
    expect(await filesOf(result)).toEqual(
      names([double.index, double.manifest, double.config, ...double.layers.slice(0, 2)]),
    );
  });
});

describe('an archive of several images', () => {
  const other = makeLayout(['other'], 'registry.example/os:v2');
  const both = makeTar([
    ...other.layers,
    other.config,
    other.manifest,
    ...layers,
    config,
    manifest,
    layout,
    joinIndexes(image, other),
  ]);

  it.each([
    ['latest', image],
    ['v2', other],
    ['registry.example/os:v2', other],
  ])('has the one that is to run, by the label %s, and no other', async (label, wanted) => {
    const expected = names([wanted.manifest, wanted.config, ...wanted.layers]);
    expect(await filesOf(await arranged(both, label))).toEqual(['oci-layout', 'index.json', ...expected]);
  });

  it('stays as it is where it has none of the label', async () => {
    expect(await arranged(both, 'v3')).toBeUndefined();
  });

  it('of several platforms has all documents first, then the layers of those that are there', async () => {
    const [absent, second] = [makeLayout(['absent']), makeLayout(['second', LAYERS[1] ?? ''])];
    const entries = [absent, image, second].map(({ manifest: { digest, content } }) => ({
      digest,
      size: content.length,
    }));
    const platforms = blobOf(JSON.stringify({ manifests: entries }));
    const top = JSON.stringify({ manifests: [{ digest: platforms.digest, size: platforms.content.length }] });
    const own = second.layers.slice(0, 1);
    const archive = makeTar([
      ...[...layers, config, manifest, ...own, second.manifest, platforms],
      { name: 'index.json', content: top },
    ]);
    expect(second.config.name).toBe(config.name);
    expect(await filesOf(await arranged(archive))).toEqual(
      names([index, platforms, manifest, second.manifest, config, ...layers, ...own]),
    );
  });

  it.each(['latest', ''])(
    'of platforms that its index lists by itself, labelled "%s", has all of them',
    async (label) => {
      const second = makeLayout(['second'], 'b');
      const entries = [image, second].map(({ manifest: { digest, content } }, i) => ({
        ...{ digest, size: content.length, platform: { os: 'linux', architecture: ['amd64', 'arm64'][i] } },
        annotations: { 'org.opencontainers.image.ref.name': label },
      }));
      const attestation = { ...entries[0], digest: `sha256:${'a'.repeat(64)}`, platform: { os: 'unknown' } };
      const top = { name: 'index.json', content: JSON.stringify({ manifests: [...entries, attestation] }) };
      const archive = makeTar([...second.layers, ...layers, second.config, config, second.manifest, manifest, top]);
      expect(await filesOf(await arranged(archive))).toEqual(
        names([index, manifest, second.manifest, config, ...layers, second.config, ...second.layers]),
      );
    },
  );

  it('whose index contains itself has what else is in it', async () => {
    const name = `blobs/sha256/${'b'.repeat(64)}`;
    const entries = [
      { digest: `sha256:${'b'.repeat(64)}`, size: 1 },
      { digest: manifest.digest, size: manifest.content.length },
    ];
    const content = JSON.stringify({ manifests: entries });
    const top = { name: 'index.json', content: JSON.stringify({ manifests: entries.slice(0, 1) }) };
    const archive = makeTar([...layers, config, manifest, { name, content }, top]);
    expect(await filesOf(await arranged(archive))).toEqual([
      ...['index.json', name],
      ...names([manifest, config, ...layers]),
    ]);
  });

  it('that nests indexes without end stays as it is', async () => {
    let inner = blobOf(JSON.stringify({ manifests: [] }));
    const blobs = [inner];
    for (let i = 0; i < 8; i++) {
      inner = blobOf(JSON.stringify({ manifests: [{ digest: inner.digest, size: 1 }], i }));
      blobs.push(inner);
    }
    const top = JSON.stringify({ manifests: [{ digest: inner.digest, size: 1 }] });
    expect(await arranged(makeTar([...blobs, { name: 'index.json', content: top }]))).toBeUndefined();
  });
});
