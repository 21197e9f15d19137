import { createHash, randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, readFile, readlink, rename, rm, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { namesIn } from '../../artifacts/folders.ts';

/** The folder of builds, blobs and unfinished work below the artifacts: names with a dot in front are not served. */
const OWN = '.images';

/** The image builder's folders below an artifacts folder. */
export interface StorePaths {
  readonly artifacts: string;
  /** Finished builds by the digest of their manifest. */
  readonly builds: string;
  /** Blobs of images: `sha256/` and their digest. */
  readonly blobs: string;
  /** One folder for each build that runs. */
  readonly work: string;
}

export function storePaths(artifacts: string): StorePaths {
  const own = join(artifacts, OWN);
  return { artifacts, builds: join(own, 'builds'), blobs: join(own, 'blobs'), work: join(own, 'work') };
}

/** A process and its start, in clock ticks after the machine's; undefined where there is no such process. */
async function processOf(pid: number | 'self'): Promise<{ pid: number; started: string } | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold anything; the 22nd field is the start (proc(5)).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid: Number.parseInt(text, 10), started: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** An identifier of this boot of this machine and of this container: processes elsewhere cannot be looked up. */
async function thisMachine(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  const text = `${boot.trim()} ${await readlink('/proc/self/ns/pid')}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** How long a folder stays whose process is on another machine or in another container, milliseconds. */
const FOREIGN_MS = 24 * 60 * 60 * 1000;

/** A unique name that holds the identity of this process. */
export async function uniqueName(): Promise<string> {
  const { pid, started } = (await processOf('self')) ?? { pid: 0, started: '' };
  return `${await thisMachine()}-${pid}-${started}-${randomBytes(4).toString('hex')}`;
}

/**
 * Tells whether the process that took a name has ended.
 * @param path of the file or folder that has the name, or a longer one
 * @param name from {@link uniqueName}
 * @param now milliseconds since 1970
 */
export async function isAbandoned(path: string, name: string, now: number): Promise<boolean> {
  const [machine, pid, started] = name.split('-');
  if (machine === (await thisMachine())) return (await processOf(Number(pid)))?.started !== started;
  return now - (await lstat(path)).mtimeMs > FOREIGN_MS;
}

/**
 * Makes a folder for one build. {@link removeAbandoned} finds it when the build was killed.
 * @throws the operating system's error
 */
export async function makeWorkFolder(places: StorePaths): Promise<string> {
  await mkdir(places.work, { recursive: true });
  // The owner is in the name: no moment in which a killed build would leave a folder without one.
  const folder = join(places.work, await uniqueName());
  await mkdir(folder);
  return folder;
}

/**
 * Removes the folders of builds that were killed.
 * @returns how many builds still run
 */
export async function removeAbandoned(places: StorePaths, now: number): Promise<number> {
  let running = 0;
  for (const name of await namesIn(places.work)) {
    const folder = join(places.work, name);
    if (await isAbandoned(folder, name, now)) await rm(folder, { recursive: true, force: true });
    else running += 1;
  }
  return running;
}

/** Flushes a file or folder to the disk, so that it survives a loss of power. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The error for a name that something has which no build made. */
export class NameTaken extends Error {
  override readonly name = 'NameTaken';
}

/** The build that an image's name stands for; undefined where there is none. */
export async function currentBuild(places: StorePaths, name: string): Promise<string | undefined> {
  const path = join(places.artifacts, name);
  try {
    const target = await readlink(path);
    const match = /^\.images\/builds\/([0-9a-f]{64})$/.exec(target);
    if (match?.[1]) return match[1];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code !== 'EINVAL') throw error;
  }
  throw new NameTaken(`${path} was not made by "slipway image build": choose another name, or move it away`);
}

/**
 * Makes a finished folder the build of a name, in one step: a reader sees the build before or this one, whole.
 * @param folder with all its files, in the caller's work folder, out of which it is moved
 * @param id the digest of its manifest, 64 hex digits
 * @param now milliseconds since 1970
 * @throws NameTaken; the operating system's error
 */
export async function publish(
  places: StorePaths,
  folder: string,
  id: string,
  name: string,
  now: number,
): Promise<void> {
  const before = await currentBuild(places, name);
  for (const file of await namesIn(folder)) {
    // The daemon may run as another user.
    await chmod(join(folder, file), 0o644);
    await flush(join(folder, file));
  }
  await flush(folder);
  await mkdir(places.builds, { recursive: true });
  const target = join(places.builds, id);
  try {
    await rename(folder, target);
  } catch (error) {
    // The same build has been here before: its files are the same.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  await touch(target, now);
  await flush(places.builds);
  // Beside the folder, so that it goes with the rest if this process is killed here.
  const link = join(dirname(folder), 'link');
  await symlink(`${OWN}/builds/${id}`, link);
  await rename(link, join(places.artifacts, name));
  await flush(places.artifacts);
  // Its hour of grace begins now.
  if (before !== undefined && before !== id) await touch(join(places.builds, before), now);
}

/** Removes a name; its build stays until it is collected. @returns false where there is no build of that name */
export async function unpublish(places: StorePaths, name: string, now: number): Promise<boolean> {
  const before = await currentBuild(places, name);
  if (before === undefined) return false;
  await rm(join(places.artifacts, name));
  await touch(join(places.builds, before), now);
  return true;
}

async function touch(path: string, now: number): Promise<void> {
  await utimes(path, now / 1000, now / 1000).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
