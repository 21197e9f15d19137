/** A disk without room; earlier files are unchanged. */
export class DiskFull extends Error {
  override readonly name = 'DiskFull';
}

/** Recognises a full disk by the system's error code, or by a program's message. */
export function isDiskFull(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return (
    error instanceof DiskFull ||
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    /No space left on device|Disk quota exceeded/i.test(String(message ?? ''))
  );
}
