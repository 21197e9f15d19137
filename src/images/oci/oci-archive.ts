import { lengthOf, type Segment } from '../../model/files/segment.ts';
import type { TarEntry } from '../tar/tar-entry.ts';
import { END_OF_ARCHIVE, encodeMember, padding } from '../tar/tar-write.ts';
import { digestHex, type OciImage } from './oci-image.ts';

function head(name: string, type: 'file' | 'directory', size: number): Uint8Array {
  const entry: TarEntry = {
    ...{ name, type, size, mode: type === 'file' ? 0o644 : 0o755, uid: 0, gid: 0, mtime: 0n, major: 0, minor: 0 },
    ...{ linkname: '', xattrs: new Map(), acls: new Map() },
    extents: size === 0 ? [] : [{ position: 0, offset: 0, length: size }],
  };
  return encodeMember(entry).head;
}

/** A tar archive of files in their order. Headers, padding and bytes at hand are one segment between two of files. */
export function tarSegments<F>(members: readonly (Segment<F> & { readonly name: string })[]): readonly Segment<F>[] {
  const segments: Segment<F>[] = [];
  let bytes: Uint8Array[] = [];
  const take = () => {
    if (bytes.length > 0) segments.push({ bytes: Buffer.concat(bytes) });
    bytes = [];
  };
  const directories = new Set<string>();
  for (const member of members) {
    const size = lengthOf(member);
    for (let end = member.name.indexOf('/'); end !== -1; end = member.name.indexOf('/', end + 1)) {
      const directory = member.name.slice(0, end + 1);
      if (!directories.has(directory)) bytes.push(head(directory, 'directory', 0));
      directories.add(directory);
    }
    bytes.push(head(member.name, 'file', size));
    if ('bytes' in member) bytes.push(member.bytes);
    else if (size > 0) {
      take();
      const { file, first, length } = member;
      segments.push({ file, first, length });
    }
    bytes.push(padding(size));
  }
  bytes.push(END_OF_ARCHIVE);
  take();
  return segments;
}

/**
 * An image layout as one tar archive (OCI image specification 1.1, image-layout.md), small documents first, so that
 * they are found early when it is read as it arrives.
 * @param label what the archive calls the image
 * @returns segments of blobs by their digests
 */
export function ociArchive(
  { manifest, config, layers }: Pick<OciImage, 'manifest' | 'config' | 'layers'>,
  label: string,
): readonly Segment<string>[] {
  const blobs = new Map([manifest, config, ...layers].map((blob) => [blob.digest, blob]));
  const { mediaType, digest, size } = manifest;
  const annotations = { 'org.opencontainers.image.ref.name': label };
  const index = { schemaVersion: 2, manifests: [{ mediaType, digest, size, annotations }] };
  const document = (name: string, value: unknown) => ({ name, bytes: Buffer.from(JSON.stringify(value)) });
  return tarSegments<string>([
    document('oci-layout', { imageLayoutVersion: '1.0.0' }),
    document('index.json', index),
    ...[...blobs.values()].map((blob) => ({
      name: `blobs/sha256/${digestHex(blob.digest)}`,
      ...{ file: blob.digest, first: 0, length: blob.size },
    })),
  ]);
}
