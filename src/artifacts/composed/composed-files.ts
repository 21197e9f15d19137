import type { Pin } from '../../model/boot/boot-plan.ts';
import type { RecordEvent } from '../../model/event.ts';
import type { OpenResult } from '../../model/files/open-file.ts';
import {
  filesOf,
  type Segment,
  type SegmentJson,
  segmentFromJson,
  segmentToJson,
  totalLength,
} from '../../model/files/segment.ts';
import { isSha256 } from '../../model/files/sha256.ts';
import { readSealed, sealJson } from '../sealed-json.ts';
import { singleFlight } from '../single-flight.ts';
import { DigestFolder } from '../store/digest-folder.ts';
import type { StoreServices } from '../store/services.ts';
import { openConcatenation } from './concatenation.ts';

/** The description of a composed file. */
interface Recipe {
  /** The key under which the same file is asked for again: what it is made from, and how. */
  readonly origin: string;
  /** Of versions that the store has, by their digests. */
  readonly segments: readonly Segment<string>[];
  /** Bytes. */
  readonly size: number;
}

/** Files that are composed of others while they are read. Their recipes are kept, never their bytes. */
export interface ComposedFiles {
  /**
   * The version of a composed file, hashed once however many ask.
   * @param plan called where the origin is new
   * @returns undefined where the plan says that there is nothing to compose
   * @throws the error of the plan, and the operating system's error
   */
  pin(origin: string, plan: Plan): Promise<Pin | undefined>;
  /** Opens a composed file by its digest; undefined where there is none of that digest. */
  open(digest: string): Promise<OpenResult | undefined>;
  /** Digests of the files that a composed file consists of; none for other digests. */
  sources(digest: string): readonly string[];
  /** Removes the recipes of which a file is gone. */
  collect(): Promise<void>;
}

/** Gives the segments of a file, by digests; undefined where there is nothing to compose. */
export type Plan = () => Promise<readonly Segment<string>[] | undefined>;

const FORMAT = 1;

function toJson({ origin, size, segments }: Recipe): unknown {
  return { format: FORMAT, origin, size, pieces: segments.map(segmentToJson) };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isSegment(item: unknown): item is SegmentJson<string> {
  const [digest, first, length] = Array.isArray(item) ? item : [];
  return (
    typeof item === 'string' || (typeof digest === 'string' && isSha256(digest) && isCount(first) && isCount(length))
  );
}

function fromJson(read: unknown): Recipe | undefined {
  const json = read as { format?: unknown; origin?: unknown; size?: unknown; pieces?: unknown } | null;
  const { format, origin, size, pieces: list } = json ?? {};
  if (format !== FORMAT || typeof origin !== 'string' || !isCount(size) || !Array.isArray(list)) return undefined;
  return list.every(isSegment) ? { origin, size, segments: list.map(segmentFromJson) } : undefined;
}

/** Reads the recipes of an earlier run. A damaged one is dropped: its file is composed again when it is asked for. */
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
  /** Origins of which there is nothing to compose. */
  const nothing = new Set<string>();
  const running = new Map<string, Promise<Pin | undefined>>();

  const compose = ({ segments }: Recipe, digest: string | undefined): Promise<OpenResult> =>
    openConcatenation(segments, digest, openBlob);

  const write = async (digest: string, recipe: Recipe): Promise<void> => {
    try {
      await folder.write(digest, sealJson(toJson(recipe)));
    } catch (error) {
      const message =
        `cannot write a recipe under ${path} (${(error as Error).message}): ` +
        'the file is composed again after the next start';
      record({ event: 'artifact.unkept', level: 'warn', message, digest });
    }
  };

  const add = async (origin: string, plan: Plan): Promise<Pin | undefined> => {
    const segments = await plan();
    if (!segments) {
      nothing.add(origin);
      return undefined;
    }
    const size = totalLength(segments);
    const recipe: Recipe = { origin, segments, size };
    const opened = await compose(recipe, undefined);
    if (!opened.ok) throw new Error(opened.why);
    try {
      const { file } = opened;
      // A source may have got another name meanwhile, and be the same.
      const digest = (await hash(file)) ?? ((await file.renew()) ? await hash(file) : undefined);
      if (digest === undefined) throw new Error('a file that it is composed of was changed meanwhile');
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
      if (digest !== undefined && recipe && filesOf(recipe.segments).every(has)) return { digest, size: recipe.size };
      if (nothing.has(origin)) return undefined;
      return singleFlight(running, origin, () => add(origin, plan));
    },
    open: async (digest) => {
      const recipe = recipes.get(digest);
      return recipe && compose(recipe, digest);
    },
    sources: (digest) => {
      const recipe = recipes.get(digest);
      return recipe ? filesOf(recipe.segments) : [];
    },
    collect: async () => {
      nothing.clear();
      const lost = [...recipes].filter(([, recipe]) => !filesOf(recipe.segments).every(has));
      for (const [digest, { origin }] of lost) {
        recipes.delete(digest);
        byOrigin.delete(origin);
      }
      const unused = new Set(lost.map(([digest]) => digest));
      await folder.collect(now(), (digest) => !unused.has(digest) || recipes.has(digest));
    },
  };
}
