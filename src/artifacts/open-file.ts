import { constants, fstatSync } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { NotOpened, OpenFile } from '../model/open-file.ts';
import { type FileVersion, sameBytes, versionOf, versionTag } from './version.ts';

/** A file together with the place where it really is. */
export interface Located {
  readonly ok: true;
  readonly file: OpenFile;
  readonly version: FileVersion;
  /** Absolute and without symbolic links. */
  readonly realPath: string;
}

/** The errors of open(2) that say something of the request and nothing of the store's health. */
const EXPECTED: Readonly<Record<string, NotOpened>> = {
  ENOENT: { ok: false, reason: 'missing', why: 'no such file' },
  ENOTDIR: { ok: false, reason: 'missing', why: 'no such file' },
  ENAMETOOLONG: { ok: false, reason: 'missing', why: 'no such file: the name is too long' },
  ELOOP: { ok: false, reason: 'refused', why: 'a symbolic link that leads to itself' },
  ENXIO: { ok: false, reason: 'refused', why: 'a socket or device, not a file' },
};

/**
 * Opens a regular file that really lies below a folder, wherever symbolic links led. It is opened first and looked at
 * then, so that nothing can be exchanged in between; non-blocking, so that a FIFO does not hang.
 * @param root absolute and without symbolic links
 * @param path relative, from safePath
 * @throws the operating system's error where the store itself fails
 */
export async function openInside(root: string, path: string): Promise<Located | NotOpened> {
  let handle: FileHandle;
  try {
    handle = await open(join(root, path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const expected = EXPECTED[(error as NodeJS.ErrnoException).code ?? ''];
    if (expected) return expected;
    throw error;
  }
  try {
    const result = await inspect(handle, root);
    if (!result.ok) await handle.close();
    return result;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function inspect(handle: FileHandle, root: string): Promise<Located | NotOpened> {
  const stats = await handle.stat({ bigint: true });
  const realPath = await readlink(`/proc/self/fd/${handle.fd}`);
  const inside = realPath === root || realPath.startsWith(root === '/' ? root : `${root}/`);
  if (!inside) return { ok: false, reason: 'refused', why: `a symbolic link that leaves the folder, to ${realPath}` };
  if (stats.isDirectory()) return { ok: false, reason: 'directory', why: 'a folder, not a file' };
  if (!stats.isFile()) return { ok: false, reason: 'refused', why: 'not a regular file' };
  const version = versionOf(stats);
  return { ok: true, realPath, version, file: openFile(handle, version) };
}

function openFile(handle: FileHandle, version: FileVersion): OpenFile {
  let closing: Promise<void> | undefined;
  return {
    fd: handle.fd,
    size: version.size,
    modified: Number(version.mtimeNs / 1_000_000n),
    stamp: versionTag(version),
    digest: undefined,
    read: (buffer, position) => readFully(handle, buffer, position),
    intact: async () => sameBytes(version, versionOf(await handle.stat({ bigint: true }))),
    intactNow: () => sameBytes(version, versionOf(fstatSync(handle.fd, { bigint: true }))),
    close: () => {
      closing ??= handle.close();
      return closing;
    },
  };
}

async function readFully(handle: FileHandle, buffer: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** The same file with its digest, and a call-back for its end. */
export function lease(file: OpenFile, digest: string | undefined, closed: () => void): OpenFile {
  let open = true;
  return {
    ...file,
    digest,
    close: () => {
      if (open) closed();
      open = false;
      return file.close();
    },
  };
}
