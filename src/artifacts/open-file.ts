import { constants, fstatSync } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { NotOpened, OpenFile } from '../model/files/open-file.ts';
import { readHandle } from '../model/files/random-access.ts';
import { type FileVersion, relate, sameBytes, versionOf, versionTag } from './store/version.ts';

/** A file together with the place where it really is. */
export interface LocatedFile {
  readonly ok: true;
  readonly file: OpenFile;
  readonly version: FileVersion;
  /** Absolute and without symbolic links. */
  readonly realPath: string;
  /** The version now. */
  look(): FileVersion;
  /** Has {@link OpenFile.intact} count from another version. */
  rebase(version: FileVersion): void;
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
  const version = versionOf(stats);
  return { ok: true, realPath, version, ...openFile(handle, version) };
}

function openFile(handle: FileHandle, version: FileVersion): Pick<LocatedFile, 'file' | 'look' | 'rebase'> {
  let closing: Promise<void> | undefined;
  let base = version;
  const look = () => versionOf(fstatSync(handle.fd, { bigint: true }));
  const rebase = (next: FileVersion) => {
    base = next;
  };
  const file: OpenFile = {
    fd: handle.fd,
    size: version.size,
    modified: Number(version.mtimeNs / 1_000_000n),
    stamp: versionTag(version),
    digest: undefined,
    read: (buffer, position) => readHandle(handle, buffer, position),
    intact: async () => sameBytes(base, versionOf(await handle.stat({ bigint: true }))),
    intactNow: () => sameBytes(base, look()),
    // Nothing is known of its bytes: it stays what it was if it only got another name, or lost one.
    renew: async () => {
      const next = look();
      if (relate(base, next) !== 'relinked') return sameBytes(base, next);
      rebase(next);
      return true;
    },
    close: () => {
      closing ??= handle.close();
      return closing;
    },
  };
  return { file, look, rebase };
}

/**
 * The same file, intact as long as its bytes are those of its digest, under whatever names and with whatever mode.
 * @param check finds out whether the bytes are still those of the digest, whatever the stamps say
 */
export function verified(
  { file, look, rebase }: LocatedFile,
  digest: string | undefined,
  check: (version: FileVersion) => Promise<boolean>,
): OpenFile {
  let doubt: Promise<boolean> | undefined;
  let spoiled = false;
  const renew = async () => {
    if (file.intactNow()) return true;
    const version = look();
    // The check itself asks whether the file stays as it is.
    rebase(version);
    spoiled = !(await check(version).catch((error: Error) => {
      spoiled = true;
      throw error;
    }));
    return !spoiled;
  };
  const sound = () => !spoiled && doubt === undefined;
  return {
    ...file,
    digest,
    intact: async () => sound() && (await file.intact()) && sound(),
    intactNow: () => sound() && file.intactNow(),
    renew: async () => {
      if (spoiled) return false;
      doubt ??= renew().finally(() => {
        doubt = undefined;
      });
      return doubt;
    },
  };
}

/** The same file with its digest, and a call-back for its end. */
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
