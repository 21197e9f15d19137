import type { TarEntry } from '../tar/tar-entry.ts';
import { END_OF_ARCHIVE, encodeMember, padding } from '../tar/tar-write.ts';
import { digestHex, type OciImage } from './oci-image.ts';

/** A part of an archive: bytes, or a whole blob. */
export type ArchivePiece = { readonly bytes: Uint8Array } | { readonly digest: string; readonly size: number };

/** An OCI archive as the parts that it consists of. */
export interface OciArchive {
  readonly pieces: readonly ArchivePiece[];
  /** Bytes in all. */
  readonly size: number;
}

function head(name: string, type: 'file' | 'directory', size: number): Uint8Array {
  const entry: TarEntry = {
    ...{ name, type, size, mode: type === 'file' ? 0o644 : 0o755, uid: 0, gid: 0, mtime: 0n, major: 0, minor: 0 },
    ...{ linkname: '', xattrs: new Map(), acls: new Map() },
    extents: size === 0 ? [] : [{ position: 0, offset: 0, length: size }],
  };
  return encodeMember(entry).head;
}

/** A file of an archive, with its bytes or a stand-in for them. */
export type Member<T> =
  | { readonly name: string; readonly bytes: Uint8Array }
  | { readonly name: string; readonly size: number; readonly content: T };

/** A tar archive of files in their order: headers and padding as bytes, between them the stand-ins for contents. */
export function tarPieces<T extends object>(members: readonly Member<T>[]): ({ readonly bytes: Uint8Array } | T)[] {
  const pieces: ({ readonly bytes: Uint8Array } | T)[] = [];
  let bytes: Uint8Array[] = [];
  const take = () => {
    if (bytes.length > 0) pieces.push({ bytes: Buffer.concat(bytes) });
    bytes = [];
  };
  const directories = new Set<string>();
  for (const member of members) {
    const size = 'bytes' in member ? member.bytes.length : member.size;
    for (let end = member.name.indexOf('/'); end !== -1; end = member.name.indexOf('/', end + 1)) {
      const directory = member.name.slice(0, end + 1);
      if (!directories.has(directory)) bytes.push(head(directory, 'directory', 0));
      directories.add(directory);
    }
    bytes.push(head(member.name, 'file', size));
    if ('bytes' in member) bytes.push(member.bytes);
    else if (size > 0) {
      take();
      pieces.push(member.content);
    }
    bytes.push(padding(size));
  }
  bytes.push(END_OF_ARCHIVE);
  take();
  return pieces;
}

/**
 * An image layout as one tar archive (OCI image specification 1.1, image-layout.md), small documents first, so that
 * they are found early when it is read as it arrives.
 * @param label what the archive calls the image
 */
export function ociArchive(
  { manifest, config, layers }: Pick<OciImage, 'manifest' | 'config' | 'layers'>,
  label: string,
): OciArchive {
  const blobs = new Map([manifest, config, ...layers].map((blob) => [blob.digest, blob]));
  const { mediaType, digest, size } = manifest;
  const annotations = { 'org.opencontainers.image.ref.name': label };
  const index = { schemaVersion: 2, manifests: [{ mediaType, digest, size, annotations }] };
  const document = (name: string, value: unknown) => ({ name, bytes: Buffer.from(JSON.stringify(value)) });
  const pieces = tarPieces<Exclude<ArchivePiece, { readonly bytes: Uint8Array }>>([
    document('oci-layout', { imageLayoutVersion: '1.0.0' }),
    document('index.json', index),
    ...[...blobs.values()].map((blob) => ({
      name: `blobs/sha256/${digestHex(blob.digest)}`,
      size: blob.size,
      content: { digest: blob.digest, size: blob.size },
    })),
  ]);
  return { pieces, size: pieces.reduce((sum, piece) => sum + ('bytes' in piece ? piece.bytes.length : piece.size), 0) };
}
