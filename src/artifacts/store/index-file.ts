import { dirname } from 'node:path';
import type { Pin } from '../../model/boot/boot-plan.ts';
import type { RecordEvent } from '../../model/event.ts';
import { isSha256 } from '../../model/files/sha256.ts';
import { makeFolders, writeWhole } from '../folders.ts';
import { readSealed, sealJson } from '../sealed-json.ts';
import { type FileVersion, versionFromJson, versionToJson } from './version.ts';

/** A pin and the file version that it was computed from. */
export interface Pinned {
  readonly pin: Pin;
  readonly version: FileVersion;
}

/** The digests that the store remembers across restarts, so that no image is hashed twice. */
export interface Index {
  /** By path below the artifacts folder. */
  readonly paths: ReadonlyMap<string, Pinned>;
  /** The kept files, by digest. */
  readonly blobs: ReadonlyMap<string, Pinned>;
}

/** 1 also had stamps that had moved without the bytes being hashed again. */
const FORMAT = 2;

function toJson(entries: ReadonlyMap<string, Pinned>): unknown {
  return [...entries].map(([name, { pin, version }]) => [name, pin.digest, versionToJson(version)]);
}

function fromJson(json: unknown): Map<string, Pinned> | undefined {
  if (!Array.isArray(json)) return undefined;
  const entries = new Map<string, Pinned>();
  for (const row of json) {
    const [name, digest, numbers] = Array.isArray(row) ? row : [];
    const version = versionFromJson(numbers);
    if (typeof name !== 'string' || typeof digest !== 'string' || !isSha256(digest) || !version) return undefined;
    entries.set(name, { pin: { digest, size: version.size }, version });
  }
  return entries;
}

/**
 * Reads the index; undefined where there is none. It is a cache: nothing is lost but time.
 * @throws Error that says why where it is not whole, or cannot be read
 */
export async function readIndex(file: string): Promise<Index | undefined> {
  try {
    const json = await readSealed(file);
    const known = typeof json === 'object' && json !== null && 'format' in json && json.format === FORMAT;
    const paths = fromJson(known && 'paths' in json ? json.paths : undefined);
    const blobs = fromJson(known && 'blobs' in json ? json.blobs : undefined);
    if (!paths || !blobs) throw new Error('it is of another version of Slipway');
    return { paths, blobs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Makes a function that writes the index, whole or not at all, and one writing after another. A failure is recorded: as
 * a warning the first time, until it works again.
 */
export function createIndexWriter(file: string, record: RecordEvent): (index: () => Index) => Promise<void> {
  let saving = Promise.resolve();
  let works = true;
  const write = async ({ paths, blobs }: Index): Promise<void> => {
    try {
      await makeFolders(dirname(file));
      await writeWhole(file, sealJson({ format: FORMAT, paths: toJson(paths), blobs: toJson(blobs) }));
      works = true;
    } catch (error) {
      const why = (error as Error).message;
      const message = `cannot write ${file} (${why}): digests are computed again at the next start`;
      record({ event: 'artifact.index', level: works ? 'warn' : 'debug', message });
      works = false;
    }
  };
  return (index) => {
    saving = saving.then(() => write(index()));
    return saving;
  };
}
