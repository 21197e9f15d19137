/** The file system's errors in words (errno(3)). */
const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'file not found',
  ENOTDIR: 'a part of the path is no folder',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'is a folder',
  ELOOP: 'a symbolic link leads to itself',
  ENOSPC: 'the disk is full',
  EDQUOT: "the disk's quota is used up",
  EROFS: 'the file system is read-only',
  EIO: 'the disk has an error',
  EMFILE: 'too many open files',
};

/** Codes of errors that pass: the system lacks resources at the moment. */
export const PASSING_ERRORS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/** What lies behind an error: fetch says only that it failed, and its cause says of what. Without a cause the error itself. */
export function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}

/** An error's message; for an error of the file system, path and reason in words: `/a/b: file not found`. */
export function plainMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = '', path, message } = error as NodeJS.ErrnoException;
  const cause = CAUSES[code];
  // Only if the message is the system's own.
  if (cause === undefined || !message.startsWith(`${code}: `)) return message;
  return path === undefined ? cause : `${path}: ${cause}`;
}
