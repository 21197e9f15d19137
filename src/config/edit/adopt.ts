import { chmod, chown, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { plainMessage } from '../../model/plain-error.ts';
import { formatProblem } from '../../model/settings/config.ts';
import { filesOnDisk, folderOf, readText } from '../load/load.ts';
import { parseServable } from '../yaml/parse.ts';
import { addNode, type NewNode } from './add-node.ts';
import { diffOf } from './diff.ts';

/** A configuration with a node more, which is not written yet. */
export interface Adoption {
  readonly diff: string;
  /**
   * Writes the file: all of it or nothing.
   * @throws Error with the remedy where it cannot be written, or has been changed since
   */
  write(): Promise<void>;
}

/**
 * Adds a node to a configuration file, and checks the result.
 * @returns the change, or the reason why it cannot be made
 */
export async function adopt(file: string, node: NewNode): Promise<Adoption | { readonly problem: string }> {
  const before = await readText(file);
  if ('problem' in before) return { problem: formatProblem(before.problem) };
  const edited = addNode(before.text, node);
  if ('problem' in edited) return { problem: `${file}: ${edited.problem}` };
  const checked = parseServable(edited.text, file, folderOf(file), filesOnDisk(new Set()));
  if (!checked.ok) return { problem: checked.problems.map(formatProblem).join('\n') };
  return { diff: diffOf(before.text, edited.text), write: () => replace(file, before.text, edited.text) };
}

async function replace(file: string, before: string, text: string): Promise<void> {
  const current = await readText(file);
  if (!('text' in current) || current.text !== before) {
    throw new Error(`${file} has been changed meanwhile: try again`);
  }
  // A link stays one; its file is replaced.
  const target = await realpath(file);
  const { mode, uid, gid } = await stat(target);
  const temporary = `${target}.new`;
  try {
    await writeFile(temporary, text, { flag: 'wx' });
    await chmod(temporary, mode & 0o7777);
    await chown(temporary, uid, gid).catch(() => {});
    await rename(temporary, target);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') await rm(temporary, { force: true });
    throw new Error(`${file} cannot be written: ${plainMessage(cause)}; add the lines yourself`, { cause });
  }
}
