import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Problem } from '../model/config.ts';
import { type Checked, type Parsed, parseSections } from './parse.ts';
import { resolveConfig } from './resolve.ts';

/** What was read, and the file's text: undefined where it could not be read. */
export type Loaded = Parsed & { readonly text: string | undefined };
/** The same of a file's sections. */
export type LoadedSections = Checked & { readonly text: string | undefined };

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is no folder',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  EISDIR: 'is a folder',
  ELOOP: 'is a symbolic link that leads to itself',
};

/** A fault of the file as a whole. */
export function fileProblem(file: string, message: string): Problem {
  return { file, line: 1, column: 1, message };
}

/** Why a system call failed, in words, with its code. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === undefined ? String(message ?? error) : `${CAUSES[code] ?? 'cannot be read'} (${code})`;
}

/**
 * Reads a configuration file as far as its sections. Never rejects: a file that is missing, may not be read or is no
 * UTF-8 is a problem like any other, at the first line.
 */
export async function loadSections(file: string): Promise<LoadedSections> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const message = `the file ${reasonOf(error)}: expected a YAML file that this program may read`;
    return { ok: false, problems: [fileProblem(file, message)], text: undefined };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { ok: false, problems: [fileProblem(file, 'the file is no UTF-8 text')], text: undefined };
  }
  return { ...parseSections(text, file), text };
}

/** What relative folders in a configuration file are relative to. */
export function folderOf(file: string): string {
  return dirname(resolve(file));
}

/** Reads a configuration file; see {@link loadSections}. */
export async function loadConfig(file: string): Promise<Loaded> {
  const { text, ...loaded } = await loadSections(file);
  return { ...(loaded.ok ? { ok: true, config: resolveConfig(loaded.sections, folderOf(file)) } : loaded), text };
}
