import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { hexOfDigest, isSha256 } from '../../model/files/sha256.ts';
import { type BuiltFile, readManifest } from './manifest.ts';

/** The files of a build, by its manifest. */
export interface BuiltFiles {
  /** The manifest's digest: differs between versions. */
  readonly id: string;
  /** The build's files by name. */
  readonly files: ReadonlyMap<string, { readonly digest: string; readonly size: number }>;
  /** The digest of the image that it was built of, 64 hex digits. */
  readonly image: string;
  /** Bytes of all files of the root, unpacked. */
  readonly unpacked: number | undefined;
}

const isFile = ({ file, sha256, size }: BuiltFile): boolean =>
  /^[\w][\w.-]*$/.test(file) && isSha256(sha256) && Number.isSafeInteger(size) && size >= 0;

/**
 * Reads which files a name among the artifacts has: that of a build's folder, or of a copy of one.
 * @returns undefined where there is no build of that name
 * @throws the operating system's error
 */
export async function readBuiltFiles(artifacts: string, name: string): Promise<BuiltFiles | undefined> {
  const read = await readManifest(join(artifacts, name, 'manifest.json'));
  if (!read) return undefined;
  try {
    const { kernel, initrd, roots, source, unpacked } = read.manifest;
    const files = [kernel, initrd, ...Object.values(roots)];
    const image = hexOfDigest(source.digest);
    if (!files.every(isFile) || image === undefined) return undefined;
    return {
      id: createHash('sha256').update(read.text).digest('hex'),
      files: new Map(files.map(({ file, sha256, size }) => [file, { digest: sha256, size }])),
      image,
      unpacked: Number.isSafeInteger(unpacked) && unpacked >= 0 ? unpacked : undefined,
    };
  } catch {
    // Another program's manifest.json, without these fields.
    return undefined;
  }
}
