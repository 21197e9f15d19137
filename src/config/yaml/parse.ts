import { resolve } from 'node:path';
import { plainMessage } from '../../model/plain-error.ts';
import type { Config, Problem } from '../../model/settings/config.ts';
import { withBuilds } from '../builds.ts';
import { checkReferences } from '../check/check.ts';
import { explainIssues } from '../check/issues.ts';
import type { Path } from '../check/wording.ts';
import { checkMachines } from '../machines/check.ts';
import { checkConfiguration } from '../machines/configuration/check.ts';
import { checkContainers } from '../machines/containers/check.ts';
import { type CsvFile, readCsv } from '../machines/csv.ts';
import { expandRanges } from '../machines/expand.ts';
import { resolveConfig } from '../resolve/resolve.ts';
import { type ConfigFile, configSchema } from '../schema.ts';
import { makeLocator, type Position } from './locate.ts';
import { readValues } from './read-values.ts';
import { readYaml } from './read-yaml.ts';

/** A configuration, or its problems in the order of the file. */
export type Parsed =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** The sections of a file without problems, or its problems. */
export type Checked =
  | { readonly ok: true; readonly sections: ConfigFile }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Sorts by place, and drops problems that were found twice. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const seen = new Set<string>();
  return sorted.filter(({ line, column, message }) => {
    const key = `${line}:${column}:${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Sections whose keys are the user's own names. */
const NAMED = ['images', 'profiles', 'nodes', 'rules', 'vars', 'labels'];

/** The document without `x-…` keys, which hold the user's anchors and notes. */
function withoutExtensions(value: unknown, holder?: string): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  const named = holder !== undefined && NAMED.includes(holder);
  const entries = Object.entries(value).filter(([key]) => named || !key.startsWith('x-'));
  // What a configuration says below its own keys is for other programs.
  if (holder === 'configuration') return Object.fromEntries(entries);
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutExtensions(each, named ? undefined : key)]));
}

const withoutExtensionsIn = (yaml: string, document: unknown): unknown =>
  yaml.includes('x-') ? withoutExtensions(document) : document;

/** What a configuration refers to on disk. */
export interface Files {
  /** Whether the artifacts folder has a build of a name. */
  isBuild(artifacts: string, name: string): boolean;
  /**
   * The text of a file that the configuration names.
   * @throws the operating system's error
   */
  read(path: string): string;
}

const NO_FILES: Files = {
  isBuild: () => false,
  read: (path) => {
    throw new Error(`${path} cannot be read`);
  },
};

/** Reads each file of comma-separated values once. */
function csvReader(baseDir: string, files: Files): (path: string) => CsvFile {
  const known = new Map<string, CsvFile>();
  const read = (path: string): CsvFile => {
    try {
      return readCsv(files.read(resolve(baseDir, path)));
    } catch (error) {
      return { rows: new Map(), mistakes: [`1: ${plainMessage(error)}`] };
    }
  };
  return (path) => {
    const file = known.get(path) ?? read(path);
    known.set(path, file);
    return file;
  };
}

/** The document with the paths of builds written out. */
function withImages(written: unknown, baseDir: string, { isBuild }: Files): unknown {
  const { artifacts } = written as { readonly artifacts?: unknown };
  const folder = resolve(baseDir, typeof artifacts === 'string' ? artifacts : './artifacts');
  return withBuilds(written, (name) => isBuild(folder, name));
}

/** The sections of a text without faults; undefined for one that has some, and for rare kinds of YAML. */
function quickly(yaml: string, baseDir: string, files: Files): ConfigFile | undefined {
  const values = readValues(yaml);
  if (typeof values !== 'object' || values === null) return undefined;
  const written = withoutExtensionsIn(yaml, values);
  const document = withImages(written, baseDir, files);
  const parsed = configSchema.safeParse(document);
  const csv = csvReader(baseDir, files);
  const isRight =
    parsed.success &&
    checkReferences(document, written, () => '').length === 0 &&
    checkMachines(document, csv, () => '').length === 0 &&
    checkConfiguration(document).length === 0 &&
    checkContainers(document).length === 0;
  return isRight ? expandRanges(parsed.data, csv) : undefined;
}

/**
 * Reads the sections of a configuration. Never throws: mistakes in the text are problems. All problems are found at
 * once, except that text that is not YAML is not checked further.
 *
 * @param yaml the file's text
 * @param file its name, for problems only
 * @param baseDir the file's folder, to which relative folders are relative
 * @param files what it refers to on disk; by default there is nothing
 */
export function parseSections(yaml: string, file: string, baseDir: string, files: Files = NO_FILES): Checked {
  const sections = quickly(yaml, baseDir, files);
  if (sections) return { ok: true, sections };
  const { tree, flaws, lines } = readYaml(yaml.replace(/^\uFEFF/, ''));
  const problem = ({ line, column }: Position, message: string): Problem => ({ file, line, column, message });
  const problems = flaws.map(({ offset, message }) => {
    const { line, col } = lines.linePos(offset);
    return problem({ line: Math.max(line, 1), column: Math.max(col, 1) }, message);
  });
  if (!tree) return { ok: false, problems: inOrder(problems) };

  const locator = makeLocator(tree);
  const written = withoutExtensionsIn(yaml, tree.value ?? {});
  const document = withImages(written, baseDir, files);
  const parsed = configSchema.safeParse(document);
  const where = (path: Path) => {
    const { line, column } = locator.locate(path, 'value');
    return `${file}:${line}:${column}`;
  };
  const csv = csvReader(baseDir, files);
  const findings = [...checkReferences(document, written, where), ...checkMachines(document, csv, where)];
  findings.push(...checkConfiguration(document), ...checkContainers(document));
  if (!parsed.success) findings.push(...explainIssues(document, parsed.error.issues));
  problems.push(...findings.map(({ path, target, message }) => problem(locator.locate(path, target), message)));
  return parsed.success && problems.length === 0
    ? { ok: true, sections: expandRanges(parsed.data, csv) }
    : { ok: false, problems: inOrder(problems) };
}

/**
 * Reads a configuration and accepts missing images, because the machines of all other images must still boot. Its
 * problems are otherwise those of {@link parseSections}.
 * @returns with `missing`, the references to missing images
 */
export function parseServable(
  yaml: string,
  file: string,
  baseDir: string,
  files: Files,
): Checked & { readonly missing: readonly Problem[] } {
  const strict = parseSections(yaml, file, baseDir, files);
  if (strict.ok) return { ...strict, missing: [] };
  const lenient = parseSections(yaml, file, baseDir, { ...files, isBuild: () => true });
  return lenient.ok ? { ...lenient, missing: strict.problems } : { ...strict, missing: [] };
}

/** Reads a configuration; see {@link parseSections}. */
export function parseConfig(yaml: string, file: string, baseDir: string, files?: Files): Parsed {
  const checked = parseSections(yaml, file, baseDir, files);
  return checked.ok ? { ok: true, config: resolveConfig(checked.sections, baseDir) } : checked;
}
