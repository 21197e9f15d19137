import { describe, expect, it } from 'vitest';
import { ociArchive } from '../../src/images/oci/oci-archive.ts';
import { type Descriptor, digestHex, type OciImage, readImage, readIndex } from '../../src/images/oci/oci-image.ts';
import { parseSource } from '../../src/images/store/source.ts';
import { readTar } from '../../src/images/tar/tar-read.ts';
import { isBuildName } from '../../src/model/boot/build.ts';
import { memoryFile } from '../../src/model/files/random-access.ts';
import { totalLength } from '../../src/model/files/segment.ts';

const blob = (letter: string, size: number, mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'): Descriptor => ({
  mediaType,
  digest: `sha256:${letter.repeat(64)}`,
  size,
});

const image: OciImage = {
  manifest: blob('a', 3),
  config: blob('b', 700),
  layers: [blob('c', 512), blob('d', 0), blob('c', 512)],
  architecture: 'amd64',
  created: undefined,
};

describe('an OCI archive', () => {
  it('has the length that it announces, each blob once, and no time', async () => {
    const segments = ociArchive(image, 'latest');
    const bytes = Buffer.concat(
      segments.map((segment) => ('bytes' in segment ? segment.bytes : Buffer.alloc(segment.length, 'x'))),
    );
    expect(bytes.length).toBe(totalLength(segments));
    const names: string[] = [];
    for await (const entry of readTar(memoryFile(bytes))) {
      expect(entry.mtime).toBe(0n);
      names.push(`${entry.name} ${entry.size}`);
    }
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((letter) => `blobs/sha256/${letter.repeat(64)}`);
    expect(names.filter((name) => name.startsWith('blobs/sha256/') && name.length > 20)).toEqual([
      `${a} 3`,
      `${b} 700`,
      `${c} 512`,
      `${d} 0`,
    ]);
    expect(bytes.toString('latin1')).toContain('"org.opencontainers.image.ref.name":"latest"');
  });
});

describe('what an image says of itself', () => {
  const text = (value: unknown) => JSON.stringify(value);
  const manifest = { config: image.config, layers: image.layers };

  it('is read', () => {
    const read = readImage(
      image.manifest,
      text(manifest),
      text({ architecture: 'arm64', os: 'linux', created: 'never' }),
    );
    expect(read).toEqual({ ...image, architecture: 'arm64' });
    expect(readIndex(text({ manifests: [image.manifest] }))).toEqual(image.manifest);
  });

  it.each([
    ['no JSON', 'x', '{}', 'is no JSON object'],
    ['no layers', text({ ...manifest, layers: [] }), '{}', 'no layers'],
    ['a layer without a digest', text({ ...manifest, layers: [{ size: 1 }] }), '{}', 'malformed descriptor'],
    [
      'a digest that is a path',
      text({ ...manifest, layers: [{ ...image.config, digest: 'sha256:../x' }] }),
      '{}',
      'no SHA-256',
    ],
    ['a size that is none', text({ ...manifest, layers: [{ ...image.config, size: -1 }] }), '{}', 'without a size'],
    [
      'something other than a file system',
      text({ ...manifest, layers: [blob('c', 1, 'application/wasm')] }),
      '{}',
      'other artifact',
    ],
    [
      'an encrypted layer',
      text({ ...manifest, layers: [blob('c', 1, 'application/x.tar+encrypted')] }),
      '{}',
      'encrypted',
    ],
    ['Windows', text(manifest), text({ os: 'windows' }), 'for windows'],
  ])('is refused: %s', (_, manifestText, config, why) => {
    expect(() => readImage(image.manifest, manifestText, config)).toThrow(why);
  });

  it('names no blob by anything but SHA-256', () => {
    expect(() => digestHex(`sha512:${'a'.repeat(128)}`)).toThrow('no SHA-256');
  });
});

describe('a source', () => {
  it.each([
    ['docker://registry.example/a:1', 'skopeo'],
    ['oci:/dir:tag', 'skopeo'],
    ['docker-archive:a.tar', 'skopeo'],
    ['./rootfs.tar.xz', 'tar'],
    ['C:a.tar', 'tar'],
  ])('%s is read by %s', (text, kind) => {
    expect(parseSource(text)?.kind).toBe(kind);
  });

  it.each(['', 'docker://', 'https://a/b', 'ftp://x', 'oci:'])('%j is none', (text) => {
    expect(parseSource(text)).toBeUndefined();
  });

  it.each(['a', 'debian-12', 'A.b_c', '9'])('%s can be a name', (name) => expect(isBuildName(name)).toBe(true));
  it.each(['', '.a', 'a/b', '-a', 'a b', 'ä', 'a'.repeat(64)])('%j cannot', (name) =>
    expect(isBuildName(name)).toBe(false),
  );
});
