import { lstat, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { digest } from './archives.ts';
import { runLibrary, scratch } from './shell.ts';

/** Every path below a folder with its kind, mode, target, number of names and content, in order. */
export async function listing(folder: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const list = async (below: string) => {
    for (const name of await readdir(join(folder, below))) {
      const path = join(below, name);
      const file = join(folder, path);
      const stat = await lstat(file);
      const kind = stat.isFile() ? 'f' : stat.isDirectory() ? 'd' : stat.isSymbolicLink() ? 'l' : '?';
      const mode = (stat.mode & 0o7777).toString(8);
      const target = kind === 'l' ? await readlink(file) : '';
      const content = kind === 'f' ? await readFile(file, 'utf8') : '';
      lines.push([path, kind, mode, target, stat.nlink, content].join('|'));
      if (kind === 'd') await list(path);
    }
  };
  await list('');
  return lines.sort();
}

/** Unpacks an archive and gives what became of it; what it leaves is removed at the test's end. */
export async function unpack(shell: readonly [string, ...string[]], archive: Buffer, before = '') {
  const { path, remove } = await scratch();
  onTestFinished(remove);
  const file = join(path, 'root.oci');
  await writeFile(file, archive);
  const finished = await runLibrary(
    shell,
    path,
    `${before}\nslipway_receive slipway_new_memory ${file} ${digest(archive).slice(7)} oci_receive $slipway_root`,
  );
  const failure = await readFile(join(path, 'failure'), 'utf8').catch(() => '');
  return { ...finished, file, path, root: join(path, 'memory/root'), failure: failure.trim() };
}
