import { constants, fstatSync } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { NotOpened, OpenFile } from '../model/files/open-file.ts';
import { readHandle } from '../model/files/random-access.ts';
import { singleFlight } from './single-flight.ts';
import { type FileVersion, relate, sameBytes, versionOf, versionTag } from './store/version.ts';

/** An open file with its version and its place. */
export interface LocatedFile {
  readonly ok: true;
  readonly file: OpenFile;
  readonly version: FileVersion;
  /** Absolute and without symbolic links. */
  readonly realPath: string;
  /**
   * The same file, intact as long as its bytes are those of its digest, under whatever names and with whatever mode.
   * @param check tells whether the file has the bytes of the digest in a later version
   */
  verified(digest: string | undefined, check: (version: FileVersion) => Promise<boolean>): OpenFile;
}

/** The errors of open(2) that come from the request, not from the file system. */
const EXPECTED: Readonly<Record<string, NotOpened>> = {
  ENOENT: { ok: false, reason: 'missing', why: 'no such file' },
  ENOTDIR: { ok: false, reason: 'missing', why: 'no such file' },
  ENAMETOOLONG: { ok: false, reason: 'missing', why: 'no such file: the name is too long' },
  ELOOP: { ok: false, reason: 'refused', why: 'a symbolic link that leads to itself' },
  ENXIO: { ok: false, reason: 'refused', why: 'a socket or device, not a file' },
};

/**
 * Opens a regular file that really lies below a folder, wherever symbolic links led. It is opened before the checks, so
 * that nothing can be exchanged in between; non-blocking, so that a FIFO does not hang.
 * @param root absolute and without symbolic links
 * @param path relative, from safePath
 * @throws the operating system's error where the store itself fails
 */
export async function openInside(root: string, path: string): Promise<LocatedFile | NotOpened> {
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

async function inspect(handle: FileHandle, root: string): Promise<LocatedFile | NotOpened> {
  const stats = await handle.stat({ bigint: true });
  const realPath = await readlink(`/proc/self/fd/${handle.fd}`);
  const inside = realPath === root || realPath.startsWith(root === '/' ? root : `${root}/`);
  if (!inside) return { ok: false, reason: 'refused', why: `a symbolic link that leaves the folder, to ${realPath}` };
  if (stats.isDirectory()) return { ok: false, reason: 'directory', why: 'a folder, not a file' };
  if (!stats.isFile()) return { ok: false, reason: 'refused', why: 'not a regular file' };
  return locatedFile(handle, versionOf(stats), realPath);
}

function locatedFile(handle: FileHandle, version: FileVersion, realPath: string): LocatedFile {
  let closing: Promise<void> | undefined;
  /** The version that the file is intact in. */
  let base = version;
  const look = () => versionOf(fstatSync(handle.fd, { bigint: true }));
  const file: OpenFile = {
    fd: handle.fd,
    size: version.size,
    modified: Number(version.mtimeNs / 1_000_000n),
    stamp: versionTag(version),
    digest: undefined,
    read: (buffer, position) => readHandle(handle, buffer, position),
    intact: async () => sameBytes(base, versionOf(await handle.stat({ bigint: true }))),
    intactNow: () => sameBytes(base, look()),
    // Its digest is not known: it counts as the same if it only got another name, or lost one.
    renew: async () => {
      const next = look();
      if (relate(base, next) !== 'relinked') return sameBytes(base, next);
      base = next;
      return true;
    },
    close: () => {
      closing ??= handle.close();
      return closing;
    },
  };
  const verified: LocatedFile['verified'] = (digest, check) => {
    const renewing = new Map<string, Promise<boolean>>();
    let isGood = true;
    const renew = async () => {
      if (!isGood || file.intactNow()) return isGood;
      // Nothing that is read counts until the check is done, which itself asks whether the file stays as it is.
      isGood = false;
      base = look();
      isGood = await check(base);
      return isGood;
    };
    return {
      ...file,
      digest,
      intact: async () => isGood && (await file.intact()) && isGood,
      intactNow: () => isGood && file.intactNow(),
      renew: () => singleFlight(renewing, '', renew),
    };
  };
  return { ok: true, file, version, realPath, verified };
}

/** The same file with its digest, and a call at its end. */
export function withOnClose(file: OpenFile, digest: string | undefined, closed: () => void): OpenFile {
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
