import { readFile } from 'node:fs/promises';
import type { Pin } from '../model/boot-plan.ts';
import { isSha256 } from '../model/sha256.ts';
import { type FileVersion, versionFromJson, versionToJson } from './version.ts';
import { writeWhole } from './write-whole.ts';

/** A pin and the file version that it was computed from. */
export interface Pinned {
  readonly pin: Pin;
  readonly version: FileVersion;
}

/** What the store remembers across restarts, so that no image is hashed twice. */
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

/** Reads the index; undefined where there is none or it is not whole. It is a cache: nothing is lost but time. */
export async function readIndex(file: string): Promise<Index | undefined> {
  try {
    const json: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof json !== 'object' || json === null || !('format' in json) || json.format !== FORMAT) return undefined;
    const paths = fromJson('paths' in json ? json.paths : undefined);
    const blobs = fromJson('blobs' in json ? json.blobs : undefined);
    return paths && blobs ? { paths, blobs } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Writes the index, whole or not at all.
 * @throws the operating system's error
 */
export async function writeIndex(file: string, index: Index): Promise<void> {
  await writeWhole(file, JSON.stringify({ format: FORMAT, paths: toJson(index.paths), blobs: toJson(index.blobs) }));
}
