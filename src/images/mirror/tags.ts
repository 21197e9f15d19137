import { dirname } from 'node:path';
import { makeFolders, writeWhole } from '../../artifacts/folders.ts';
import { readSealed, sealJson } from '../../artifacts/sealed-json.ts';
import type { RecordEvent } from '../../model/event.ts';
import { isSha256 } from '../../model/files/sha256.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';

/** Tags that are remembered: the longest unchecked are forgotten. */
const MOST = 10_000;

/** What a tag stood for when it was last looked up. */
export interface KnownTag {
  /** Of the manifest or index, 64 hex digits. */
  readonly digest: string;
  /** When it is looked up anew, milliseconds of a clock that never goes back. */
  readonly until: number;
}

/** Tags by registry, name and tag. */
export interface Tags {
  get(key: string): KnownTag | undefined;
  /** Remembers a tag, and writes down what is new in it. */
  set(key: string, tag: KnownTag): Promise<void>;
  delete(key: string): Promise<void>;
}

function fromJson(json: unknown): Map<string, KnownTag> {
  const rows = Array.isArray(json) ? json : [];
  return new Map(
    rows.flatMap((row: unknown) => {
      const [key, digest] = Array.isArray(row) ? row : [];
      if (typeof key !== 'string' || typeof digest !== 'string' || !isSha256(digest)) return [];
      // After a restart each is looked up before it is used.
      return [[key, { digest, until: Number.NEGATIVE_INFINITY }] as const];
    }),
  );
}

/**
 * Opens the list of tags, which outlives a restart: the registry may be away then.
 * @param file need not exist
 */
export async function openTags(file: string, record: RecordEvent): Promise<Tags> {
  const json = await readSealed(file).catch((error: NodeJS.ErrnoException) => {
    const message = `dropped ${file}: ${error.message}; tags are looked up again`;
    if (error.code !== 'ENOENT') record({ event: 'artifact.dropped', level: 'warn', message });
  });
  const tags = fromJson(json);
  let saving = Promise.resolve();
  const save = () => {
    saving = saving.then(async () => {
      try {
        await makeFolders(dirname(dirname(file)), dirname(file));
        await writeWhole(file, sealJson([...tags].map(([key, { digest }]) => [key, digest])));
      } catch (error) {
        const message = `cannot write ${file} (${(error as Error).message}): tags are forgotten at the next start`;
        record({ event: 'artifact.index', level: 'warn', message });
      }
    });
    return saving;
  };
  return {
    get: (key) => tags.get(key),
    set: async (key, tag) => {
      const isNew = tags.get(key)?.digest !== tag.digest;
      tags.delete(key);
      tags.set(key, tag);
      dropOldest(tags, MOST);
      if (isNew) await save();
    },
    delete: async (key) => {
      if (tags.delete(key)) await save();
    },
  };
}
