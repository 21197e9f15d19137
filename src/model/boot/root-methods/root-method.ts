import { z } from 'zod';
import { ROOT_FILES } from '../root-kind.ts';
import { tmpfsSize } from '../yaml-shapes.ts';

/** A key of `root:` beside `method` and `source`. */
export interface Key<T> {
  readonly schema: z.ZodType;
  /** The value where the YAML has none; null for no value. Templates have it under the key's name. */
  readonly default: T;
}

type Keys = Readonly<Record<string, Key<unknown>>>;
type Values<K extends Keys> = { readonly [Name in keyof K]: K[Name] extends Key<infer T> ? T : never };

/** The address of a root as the node gets it. */
interface FetchedRoot {
  readonly url: string;
  /** Of a root that is read on demand: `192.0.2.10:10809/DIGEST`, and `ROOTHASH:BLOCKS`. */
  readonly nbd?: string;
  readonly verity?: string;
}

/** A `root:` as it stands in the YAML. */
export type RootYaml = Readonly<Record<string, unknown>>;

/** The size of a root, bytes. */
export interface RootSize {
  /** Of its file. */
  readonly bytes: number;
  /** Of the tree in it. */
  readonly unpacked: number;
}

/** Two settings that contradict each other. */
interface Contradiction {
  /** The key that is at fault. */
  readonly key: string;
  readonly found: (root: RootYaml) => boolean;
  /** The fault and the remedy, without the key. */
  readonly message: string;
}

/** A mistake that a schema cannot find. */
export interface RootFinding {
  /** Below `root:`. */
  readonly path: readonly (string | number)[];
  /** The fault and the remedy, without the path. */
  readonly message: string;
}

/**
 * A way in which the initrd makes the root file system. The template `NAME.ipxe.njk` is needed only where kernel
 * arguments are not enough.
 */
export interface RootMethod<K extends Keys = Keys> {
  readonly name: string;
  /** The row in docs/roots.md, in Markdown: what it takes, how it works, the state of `/`, its use. */
  readonly summary: readonly [image: string, how: string, root: string, use: string];
  /** The schema of `source:`; absent where the method has no source. */
  readonly source?: z.ZodType<string>;
  readonly keys: K;
  /**
   * The form in which the node gets the source: the file as it is; an OCI archive in the order of unpacking, where it
   * is one; its blocks by NBD, with a hash tree; or a `document` that the server makes for the machine.
   */
  readonly form: 'file' | 'archive' | 'tree' | 'document';
  /** The files of a build that can be its root, the best first. */
  readonly buildFiles: readonly string[];
  /** The files that it can read: in words, and by the kinds that `images/tools/file-kind.ts` tells apart. */
  readonly reads?: { readonly expected: string; readonly kinds: readonly string[] };
  readonly contradictions?: readonly Contradiction[];
  /** Further mistakes in it, valid by its schema or not. */
  readonly findings?: (root: RootYaml) => readonly RootFinding[];
  /** The dracut modules that its initrd must have: of `fit/initrd-modules.ts`. */
  modules(root: Values<K>): readonly (string | false)[];
  /** The most memory that the root takes while it is made or runs, bytes: the measurements of docs/roots.md. */
  memoryNeeded(root: Values<K>, size: RootSize): number;
  /** The kernel arguments of a root; what is false is left out. */
  args(root: FetchedRoot & Values<K>): readonly (string | false)[];
  /**
   * Further arguments, which the initrd can also fetch from a URL that an argument names: where one has a secret, or where
   * the line would be too long. Secrets are read by then.
   */
  readonly fetched?: {
    args(root: Values<K>): readonly string[];
    at(url: string): string;
  };
}

/** Declares a root method; the types of `args` follow from its keys. */
export const rootMethod = <const K extends Keys>(method: RootMethod<K>): RootMethod => method as unknown as RootMethod;

/** A key that is true or false. */
export const flag = (what: string, byDefault: boolean): Key<boolean> => ({
  schema: z.boolean({ error: 'true or false' }).optional().describe(`${what} Default: ${byDefault}.`),
  default: byDefault,
});

/** A key with a text; where it has no default, the description says what its absence means. */
export const optional = <T extends string | null>(schema: z.ZodType, what: string, byDefault: T): Key<T> => ({
  schema: schema.optional().describe(byDefault === null ? what : `${what} Default: ${byDefault}.`),
  default: byDefault,
});

/** The key `size`: the limit of the root's tmpfs. */
export const size = (
  what = 'The most that the root may take in memory, as tmpfs counts it. Default: what memory there is.',
) => optional<string | null>(tmpfsSize, what, null);

/** The kernel argument of `size`. */
export const sizeArg = (value: string | null) => value !== null && `rd.tmpfs.size=${value}`;

/**
 * The memory of a tree in a tmpfs: the initrd gives that all memory but an eighth (`slipway_share` of the dracut modules).
 */
export const inTmpfs = (bytes: number): number => (bytes * 8) / 7;

/** The file of a build that stands for the OCI archive that is composed of its blobs while it is sent. */
export const COMPOSED_ARCHIVE = 'oci:';

/** The files of a build that are images of a file system. */
export const FILESYSTEM_FILES = [ROOT_FILES.squashfs, ROOT_FILES.erofs];

export const COMPRESSED_KINDS = ['gzip', 'bzip2', 'xz', 'zstd', 'lz4', 'lzip', 'lzop', 'lzma'];
export const ARCHIVE_KINDS = ['tar', ...COMPRESSED_KINDS];
