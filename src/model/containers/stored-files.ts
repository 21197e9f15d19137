import { z } from 'zod';

/** Where the objects of volumes are: a bucket of an S3-compatible store, and who asks it. */
export interface StoreSettings {
  /** `http://HOST[:PORT]`, with the path that the store lies below; its buckets are the first part of the path. */
  readonly url: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** A file of a volume as its store has it. */
export interface StoredFile {
  /** In the volume. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** ISO 8601. */
  readonly modified: string;
  /** Tells one content from another; empty where the store gives none. */
  readonly etag: string;
  /** Gives the file to whoever has it, for some minutes. */
  readonly url: string;
}

/** The longest path of a volume's file, and the longest key of an object, bytes. */
const MAX_PATH = 1024;
/** The most files that one request may be about, of each kind. */
const MAX_FILES = 10_000;

/** Whether a path can be that of a file below a directory, and of an object: relative, without `..`, and printable. */
export function isStoredPath(path: string): boolean {
  // A lone surrogate has no UTF-8.
  if (/[\u0000-\u001f\u007f]|\p{Surrogate}/u.test(path)) return false;
  return Buffer.byteLength(path) <= MAX_PATH && path.split('/').every((part) => !['', '.', '..'].includes(part));
}

/**
 * The name of objects below a prefix.
 * @param prefix with or without a slash at its end; empty for the whole bucket
 * @returns with a slash at its end, as `n1` is not to have the files of `n10`; empty for the whole bucket
 */
export function asFolder(prefix: string): string {
  return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
}

const path = z.string().refine(isStoredPath, 'a relative path without .. and control characters');
const whole = z.number().int().min(0);
const id = whole.max(0xffff_fffe);

const putFile = z.object({
  path,
  size: whole.max(Number.MAX_SAFE_INTEGER),
  /** Permissions, octal. Whoever fetches the file is to get no setuid program with it. */
  mode: z.string().regex(/^0?[0-7]{3}$/),
  uid: id,
  gid: id,
  /** Seconds since 1970. */
  mtime: z.number().int().min(-8_640_000_000_000).max(8_640_000_000_000),
});

/** A file that a machine is about to bring. */
export type PutFile = z.infer<typeof putFile>;

/** The body of a request for URLs that change a volume's objects. */
export const wantedChanges = z.object({
  put: z.array(putFile).max(MAX_FILES).default([]),
  delete: z.array(path).max(MAX_FILES).default([]),
});

export type WantedChanges = z.infer<typeof wantedChanges>;

/** URLs that change a volume's objects. The headers are signed: a PUT without them is refused. */
export interface PresignedChanges {
  readonly put: readonly {
    readonly path: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
  }[];
  readonly delete: readonly { readonly path: string; readonly url: string }[];
}

/** The bit of a regular file in `st_mode` (inode(7)). */
const REGULAR = 0o100_000;

/** What an object tells of its file: metadata as s3fs writes it, so that a bucket can be mounted with that. */
export function metadataHeaders({ mode, uid, gid, mtime }: PutFile): Readonly<Record<string, string>> {
  return {
    'x-amz-meta-gid': String(gid),
    'x-amz-meta-mode': String(REGULAR | Number.parseInt(mode, 8)),
    'x-amz-meta-mtime': String(mtime),
    'x-amz-meta-uid': String(uid),
  };
}
