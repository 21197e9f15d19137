import type { Pin } from '../../model/boot/boot-plan.ts';
import type { RecordEvent } from '../../model/event.ts';
import type { FilePart, OpenFile, OpenResult } from '../../model/files/open-file.ts';
import { isSha256 } from '../../model/files/sha256.ts';
import { readSealed, sealJson } from '../sealed-json.ts';
import { singleFlight } from '../single-flight.ts';
import { DigestFolder } from '../store/digest-folder.ts';
import type { StoreServices } from '../store/services.ts';
import { concatenate } from './concatenation.ts';

/** A piece of a made file: bytes, or a part of a version that the store has. */
export type Piece =
  | { readonly bytes: Uint8Array }
  | { readonly digest: string; readonly first: number; readonly length: number };

/** How a file is made. */
interface Recipe {
  /** What it was made from and how, for who wants the same again. */
  readonly origin: string;
  readonly pieces: readonly Piece[];
  readonly size: number;
}

/** Files that are put together from others while they are read. Their recipes are kept, never their bytes. */
export interface ComposedFiles {
  /**
   * The version of a made file, hashed once however many ask.
   * @param origin decides the pieces
   * @param pieces asked for where the origin is new; undefined if there is nothing to make
   * @throws what it throws, and the operating system's error
   */
  pin(origin: string, pieces: () => Promise<readonly Piece[] | undefined>): Promise<Pin | undefined>;
  /** Opens one by its digest; undefined where no such file was made. */
  open(digest: string): Promise<OpenResult | undefined>;
  /** The versions that a made file is of; none for other digests. */
  sources(digest: string): readonly string[];
  /** Forgets those of which something is gone. */
  collect(): Promise<void>;
}

const FORMAT = 1;

const sourcesOf = ({ pieces }: Recipe): readonly string[] => [
  ...new Set(pieces.flatMap((piece) => ('digest' in piece ? [piece.digest] : []))),
];

function toJson({ origin, size, pieces }: Recipe): unknown {
  const list = pieces.map((piece) =>
    'bytes' in piece ? Buffer.from(piece.bytes).toString('base64') : [piece.digest, piece.first, piece.length],
  );
  return { format: FORMAT, origin, size, pieces: list };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function fromJson(read: unknown): Recipe | undefined {
  const json = read as { format?: unknown; origin?: unknown; size?: unknown; pieces?: unknown } | null;
  const { format, origin, size, pieces: list } = json ?? {};
  if (format !== FORMAT || typeof origin !== 'string' || !isCount(size) || !Array.isArray(list)) return undefined;
  const pieces: Piece[] = [];
  for (const item of list) {
    const [digest, first, length] = Array.isArray(item) ? item : [];
    if (typeof item === 'string') pieces.push({ bytes: Buffer.from(item, 'base64') });
    else if (typeof digest === 'string' && isSha256(digest) && isCount(first) && isCount(length)) {
      pieces.push({ digest, first, length });
    } else return undefined;
  }
  return { origin, size, pieces };
}

/** Reads what an earlier run wrote; what is not whole is made again when it is asked for. */
async function readRecipes(folder: DigestFolder, record: RecordEvent): Promise<Map<string, Recipe>> {
  const recipes = new Map<string, Recipe>();
  for (const digest of await folder.list().catch(() => [])) {
    try {
      const recipe = fromJson(await readSealed(folder.pathOf(digest)));
      if (!recipe) throw new Error('it is of another version of Slipway');
      recipes.set(digest, recipe);
    } catch (error) {
      const message = `dropped ${folder.pathOf(digest)}: ${(error as Error).message}`;
      record({ event: 'artifact.dropped', level: 'warn', message });
    }
  }
  return recipes;
}

/**
 * @param path of the folder of recipes, absolute; it and the one that holds it need not exist
 * @param openBlob opens a version that is not composed
 */
export async function openComposedFiles(
  path: string,
  { hash, record, now }: StoreServices,
  openBlob: (digest: string) => Promise<OpenResult>,
  has: (digest: string) => boolean,
): Promise<ComposedFiles> {
  const folder = new DigestFolder(path, '.json');
  const recipes = await readRecipes(folder, record);
  const byOrigin = new Map([...recipes].map(([digest, { origin }]) => [origin, digest]));
  const asTheyAre = new Set<string>();
  const making = new Map<string, Promise<Pin | undefined>>();

  const compose = async (recipe: Recipe, digest: string | undefined): Promise<OpenResult> => {
    const files = new Map<string, OpenFile>();
    for (const source of sourcesOf(recipe)) {
      const opened = await openBlob(source).catch(async (error: Error) => {
        await Promise.all([...files.values()].map((file) => file.close()));
        throw error;
      });
      if (!opened.ok) {
        await Promise.all([...files.values()].map((file) => file.close()));
        return opened;
      }
      files.set(source, opened.file);
    }
    const parts = recipe.pieces.flatMap((piece): FilePart[] => {
      if ('bytes' in piece) return [piece];
      const file = files.get(piece.digest);
      return file ? [{ file, first: piece.first, length: piece.length }] : [];
    });
    return { ok: true, file: concatenate(parts, digest) };
  };

  const write = async (digest: string, recipe: Recipe): Promise<void> => {
    try {
      await folder.write(digest, sealJson(toJson(recipe)));
    } catch (error) {
      const message = `cannot keep under ${path} how a file is made (${(error as Error).message}): it is made again after the next start`;
      record({ event: 'artifact.unkept', level: 'warn', message, digest });
    }
  };

  const make = async (origin: string, plan: () => Promise<readonly Piece[] | undefined>): Promise<Pin | undefined> => {
    const pieces = await plan();
    if (!pieces) {
      asTheyAre.add(origin);
      return undefined;
    }
    const size = pieces.reduce((sum, piece) => sum + ('bytes' in piece ? piece.bytes.length : piece.length), 0);
    const recipe: Recipe = { origin, pieces, size };
    const opened = await compose(recipe, undefined);
    if (!opened.ok) throw new Error(opened.why);
    try {
      const { file } = opened;
      // A source may have got another name meanwhile, and be the same.
      const digest = (await hash(file)) ?? ((await file.renew()) ? await hash(file) : undefined);
      if (digest === undefined) throw new Error('what it is made of was changed meanwhile');
      recipes.set(digest, recipe);
      byOrigin.set(origin, digest);
      await write(digest, recipe);
      return { digest, size };
    } finally {
      await opened.file.close();
    }
  };

  return {
    pin: async (origin, plan) => {
      const digest = byOrigin.get(origin);
      const recipe = digest === undefined ? undefined : recipes.get(digest);
      if (digest !== undefined && recipe && sourcesOf(recipe).every(has)) return { digest, size: recipe.size };
      if (asTheyAre.has(origin)) return undefined;
      return singleFlight(making, origin, () => make(origin, plan));
    },
    open: async (digest) => {
      const recipe = recipes.get(digest);
      return recipe && compose(recipe, digest);
    },
    sources: (digest) => {
      const recipe = recipes.get(digest);
      return recipe ? sourcesOf(recipe) : [];
    },
    collect: async () => {
      asTheyAre.clear();
      const lost = [...recipes].filter(([, recipe]) => !sourcesOf(recipe).every(has));
      for (const [digest, { origin }] of lost) {
        recipes.delete(digest);
        byOrigin.delete(origin);
      }
      const unused = new Set(lost.map(([digest]) => digest));
      await folder.collect(now(), (digest) => !unused.has(digest) || recipes.has(digest));
    },
  };
}
