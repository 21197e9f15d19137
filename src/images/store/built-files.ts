import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOfDigest, isSha256 } from '../../model/files/sha256.ts';
import { type BuiltFile, parseManifest } from './manifest.ts';

/** What a build's manifest says of its files. */
export interface BuiltFiles {
  /** The manifest's digest: differs between versions. */
  readonly id: string;
  /** The build's files by name. */
  readonly files: ReadonlyMap<string, { readonly digest: string; readonly size: number }>;
  /** The digest of the image that it was built of, 64 hex digits. */
  readonly image: string;
}

const isFile = ({ file, sha256, size }: BuiltFile): boolean =>
  /^[\w][\w.-]*$/.test(file) && isSha256(sha256) && Number.isSafeInteger(size) && size >= 0;

/**
 * Reads what a name among the artifacts stands for: a build's folder, or a copy of one.
 * @returns undefined where there is no build of that name
 * @throws the operating system's error
 */
export async function readBuiltFiles(artifacts: string, name: string): Promise<BuiltFiles | undefined> {
  let text: string;
  try {
    // Without a wait: a FIFO would keep a thread of the pool for ever.
    text = await readFile(join(artifacts, name, 'manifest.json'), { encoding: 'utf8', flag: constants.O_NONBLOCK });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  const manifest = parseManifest(text);
  try {
    if (!manifest) return undefined;
    const { kernel, initrd, roots, source } = manifest;
    const files = [kernel, initrd, ...Object.values(roots)];
    const image = hexOfDigest(source.digest);
    if (!files.every(isFile) || image === undefined) return undefined;
    return {
      id: createHash('sha256').update(text).digest('hex'),
      files: new Map(files.map(({ file, sha256, size }) => [file, { digest: sha256, size }])),
      image,
    };
  } catch {
    // Somebody else's manifest.json.
    return undefined;
  }
}
