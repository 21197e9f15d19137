import { existsSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Problem } from '../../model/settings/config.ts';
import { resolveConfig } from '../resolve/resolve.ts';
import { type Files, type Parsed, parseServable } from '../yaml/parse.ts';

/** A configuration or its problems. */
export type Loaded = Parsed & {
  /** The file's text; undefined if the file could not be read. */
  readonly text: string | undefined;
  /** Absolute paths of the files that it names and that belong to the configuration. */
  readonly others: readonly string[];
};

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist: a part of its path is no folder',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  EISDIR: 'is a folder',
  ELOOP: 'is a symbolic link that leads to itself',
};

/** A problem with the file as a whole. */
export function fileProblem(file: string, message: string): Problem {
  return { file, line: 1, column: 1, message };
}

/** Why a system call failed: words for the end of "the file …", with the error's code. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === undefined ? String(message ?? error) : `${CAUSES[code] ?? 'cannot be read'} (${code})`;
}

/** A file's text, or the problem with reading it. */
type FileText = { readonly text: string } | { readonly problem: Problem };

/** Reads the text of a configuration file. Never rejects. */
export async function readText(file: string): Promise<FileText> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const message = `${missing ? 'file not found' : `the file ${reasonOf(error)}`}: expected a YAML file that this user may read`;
    return { problem: fileProblem(file, message) };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { problem: fileProblem(file, 'the file is no UTF-8 text') };
  }
}

/** The folder to which relative folders in a configuration file are relative. */
export function folderOf(file: string): string {
  return dirname(resolve(file));
}

/** The largest file that a configuration may name, bytes. */
const MAX_FILE = 64 * 1024 * 1024;

/**
 * What configurations refer to on disk.
 * @param others gets the paths of the files that are read
 */
export function filesOnDisk(others: Set<string>): Files {
  return {
    isBuild: (artifacts, name) => existsSync(join(artifacts, name, 'manifest.json')),
    read: (path) => {
      others.add(path);
      const { size } = statSync(path);
      if (size > MAX_FILE) throw new Error(`the file has ${size} bytes; up to ${MAX_FILE} are read`);
      return readFileSync(path, 'utf8');
    },
  };
}

/**
 * Reads a configuration file. Never rejects: a file that is missing, unreadable or not UTF-8 is a problem at the first
 * line. Missing images are not problems: see `Config.missing`.
 */
export async function loadConfig(file: string): Promise<Loaded> {
  const read = await readText(file);
  if ('problem' in read) return { ok: false, problems: [read.problem], text: undefined, others: [] };
  const { text } = read;
  const found = new Set<string>();
  const checked = parseServable(text, file, folderOf(file), filesOnDisk(found));
  const others = [...found];
  if (!checked.ok) return { ok: false, problems: checked.problems, text, others };
  const config = { ...resolveConfig(checked.sections, folderOf(file)), missing: checked.missing };
  return { ok: true, config, text, others };
}
