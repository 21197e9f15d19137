/** There is no room left; what was there is as it was. */
export class DiskFull extends Error {
  override readonly name = 'DiskFull';
}

/** Whether something failed for want of room: by the system's error, or by what a program said of it. */
export function isDiskFull(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return (
    error instanceof DiskFull ||
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    /No space left on device|Disk quota exceeded/i.test(String(message ?? ''))
  );
}
