import { digestHex, type OciImage } from './oci-image.ts';
import type { TarEntry } from './tar-entry.ts';
import { END_OF_ARCHIVE, encodeMember, padding } from './tar-write.ts';

/** A part of an archive: bytes, or a whole blob. */
export type ArchivePiece = { readonly bytes: Uint8Array } | { readonly digest: string; readonly size: number };

/** An OCI archive that is not there yet, but whose every byte is decided. */
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

function document(name: string, value: unknown): ArchivePiece[] {
  const bytes = Buffer.from(JSON.stringify(value));
  return [{ bytes: head(name, 'file', bytes.length) }, { bytes }, { bytes: padding(bytes.length) }];
}

/**
 * An image layout as one tar archive (OCI image specification 1.1, image-layout.md), small documents first, so that
 * they are found early when it is read as it arrives.
 * @param label what the archive calls the image
 */
export function ociArchive({ manifest, config, layers }: OciImage, label: string): OciArchive {
  const blobs = new Map([manifest, config, ...layers].map((blob) => [blob.digest, blob]));
  const { mediaType, digest, size } = manifest;
  const annotations = { 'org.opencontainers.image.ref.name': label };
  const index = { schemaVersion: 2, manifests: [{ mediaType, digest, size, annotations }] };
  const pieces: ArchivePiece[] = [
    ...document('oci-layout', { imageLayoutVersion: '1.0.0' }),
    ...document('index.json', index),
    { bytes: head('blobs/', 'directory', 0) },
    { bytes: head('blobs/sha256/', 'directory', 0) },
    ...[...blobs.values()].flatMap((blob): ArchivePiece[] => [
      { bytes: head(`blobs/sha256/${digestHex(blob.digest)}`, 'file', blob.size) },
      { digest: blob.digest, size: blob.size },
      { bytes: padding(blob.size) },
    ]),
    { bytes: END_OF_ARCHIVE },
  ];
  return { pieces, size: pieces.reduce((sum, piece) => sum + ('bytes' in piece ? piece.bytes.length : piece.size), 0) };
}
