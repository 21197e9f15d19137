import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

/** A member of a tar archive; without more it is a directory if its name ends in a slash, and else an empty file. */
export interface Member {
  readonly name: string;
  readonly content?: string;
  /** Where a symbolic link points. */
  readonly link?: string;
  /** The member that a hard link shares its content with. */
  readonly same?: string;
  readonly mode?: number;
}

function field(header: Buffer, offset: number, length: number, value: number): void {
  header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
}

/** POSIX ustar, members in the order given, owned by root. */
export function tar(members: readonly Member[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { name, content = '', link, same, mode } of members) {
    const directory = name.endsWith('/');
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    field(header, 100, 8, mode ?? (directory ? 0o755 : 0o644));
    field(header, 108, 8, 0);
    field(header, 116, 8, 0);
    field(header, 124, 12, body.length);
    field(header, 136, 12, 1_700_000_000);
    header.write('        ', 148);
    header.write(link !== undefined ? '2' : same !== undefined ? '1' : directory ? '5' : '0', 156);
    header.write(link ?? same ?? '', 157);
    header.write('ustar\x0000', 257);
    field(
      header,
      148,
      7,
      header.reduce((sum, byte) => sum + byte, 0),
    );
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** `sha256:` and the digest of some bytes. */
export function digest(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** What can be odd about an archive. */
export interface Oddities {
  readonly label?: string;
  readonly prefix?: string;
  /** Wraps the manifest in an index of platforms. */
  readonly platforms?: readonly string[];
  /** Wraps that in so many more. */
  readonly nested?: number;
  readonly indent?: string;
  /** What the manifest says of layers' types, instead of the usual. */
  readonly layerType?: string;
  /** Index and manifest first, then the layers in their order; else as skopeo writes it. */
  readonly inOrder?: boolean;
  /** Changes the blobs after their digests were taken. */
  readonly tamper?: (
    blobs: Map<string, Buffer>,
    layers: readonly string[],
    documents: Readonly<Record<'config' | 'manifest' | 'index', string>>,
  ) => void;
}

/** The blobs of an image with one gzip-compressed layer for each list of members, and what an index says of it. */
function ociImage(
  layers: readonly (readonly Member[])[],
  { platforms, nested = 0, indent, layerType, tamper }: Oddities,
) {
  const blobs = new Map<string, Buffer>();
  const add = (bytes: Buffer) => {
    blobs.set(digest(bytes), bytes);
    return { digest: digest(bytes), size: bytes.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value, null, indent));
  const type = (name: string) => `application/vnd.oci.image.${name}`;
  const plain = layers.map(tar);
  const config = add(
    json({ architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: plain.map(digest) } }),
  );
  const descriptors = plain.map((layer) => ({
    mediaType: layerType ?? type('layer.v1.tar+gzip'),
    ...add(gzipSync(layer)),
  }));
  const manifest = {
    schemaVersion: 2,
    mediaType: type('manifest.v1+json'),
    config: { mediaType: type('config.v1+json'), ...config },
    layers: descriptors,
  };
  const described = { mediaType: type('manifest.v1+json'), ...add(json(manifest)) };
  let top = described;
  if (platforms) {
    const manifests = platforms.map((architecture) => ({ ...top, platform: { os: 'linux', architecture } }));
    top = { mediaType: type('index.v1+json'), ...add(json({ schemaVersion: 2, manifests })) };
  }
  for (let i = 0; i < nested; i++) {
    top = { mediaType: type('index.v1+json'), ...add(json({ schemaVersion: 2, manifests: [top] })) };
  }
  tamper?.(
    blobs,
    descriptors.map((layer) => layer.digest),
    { config: config.digest, manifest: described.digest, index: top.digest },
  );
  return { blobs, top, json };
}

/** The blobs of an image by digest, and the digest of its manifest or index, as a registry has them. */
export function ociBlobs(layers: readonly (readonly Member[])[], oddities: Oddities = {}) {
  const { blobs, top } = ociImage(layers, oddities);
  return { blobs, top: top.digest };
}

/** An OCI image layout in a tar archive, with one gzip-compressed layer for each list of members. */
export function ociArchive(layers: readonly (readonly Member[])[], oddities: Oddities = {}): Buffer {
  const { label = 'latest', prefix = '', inOrder = false } = oddities;
  const { blobs, top, json } = ociImage(layers, oddities);
  const index = {
    schemaVersion: 2,
    manifests: [{ ...top, annotations: { 'org.opencontainers.image.ref.name': label } }],
  };
  const members = [...blobs].map(([name, bytes]) => ({ name: `${prefix}blobs/sha256/${name.slice(7)}`, bytes }));
  // The manifest came last.
  if (inOrder) members.unshift(...members.splice(-1));
  const documents = [
    { name: `${prefix}index.json`, bytes: json(index) },
    { name: `${prefix}oci-layout`, bytes: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
  ];
  return binaryTar(inOrder ? [...documents, ...members] : [...members, ...documents]);
}

/** A tar archive of files with arbitrary bytes. */
function binaryTar(files: readonly { name: string; bytes: Buffer }[]): Buffer {
  return Buffer.concat([
    ...files.map(({ name, bytes }) => {
      // The placeholder has the right size and padding; the bytes need not be text.
      const whole = tar([{ name, content: 'x'.repeat(bytes.length) }]).subarray(0, -1024);
      bytes.copy(whole, 512);
      return whole;
    }),
    Buffer.alloc(1024),
  ]);
}
