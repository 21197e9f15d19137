import { resolve } from 'node:path';
import type { Config, Problem } from '../model/config.ts';
import { withBuilds } from './builds.ts';
import { checkReferences } from './check.ts';
import { explainIssues } from './issues.ts';
import { makeLocator, type Position } from './locate.ts';
import { readYaml } from './read-yaml.ts';
import { resolveConfig } from './resolve.ts';
import { configSchema } from './schema.ts';

/** A configuration, or all that is wrong with it, in the order of the file. */
export type Parsed =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Sorts by place; the same fault found on two ways is told once. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const seen = new Set<string>();
  return sorted.filter(({ line, column, message }) => {
    const key = `${line}:${column}:${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** The folder that a document names, faulty or not. */
function artifactsFolder(document: unknown, baseDir: string): string {
  const { artifacts } = document as { readonly artifacts?: unknown };
  return resolve(baseDir, typeof artifacts === 'string' ? artifacts : './artifacts');
}

/**
 * Reads a configuration. Never throws: whatever is wrong with the text is a problem, and all problems are found at once,
 * except that a text that is no YAML is looked at no further.
 *
 * @param yaml the file's text
 * @param file its name, for problems only
 * @param baseDir what relative folders in it are relative to: the folder of the file
 * @param isBuild whether a build of a name is among the artifacts, in the folder that is given: none is unless told
 */
export function parseConfig(
  yaml: string,
  file: string,
  baseDir: string,
  isBuild: (artifacts: string, name: string) => boolean = () => false,
): Parsed {
  const { tree, flaws, lines } = readYaml(yaml.replace(/^\uFEFF/, ''));
  const problem = ({ line, column }: Position, message: string): Problem => ({ file, line, column, message });
  const problems = flaws.map(({ offset, message }) => {
    const { line, col } = lines.linePos(offset);
    return problem({ line: Math.max(line, 1), column: Math.max(col, 1) }, message);
  });
  if (!tree) return { ok: false, problems: inOrder(problems) };

  const locator = makeLocator(tree);
  const written = tree.value ?? {};
  const document = withBuilds(written, (name) => isBuild(artifactsFolder(written, baseDir), name));
  const parsed = configSchema.safeParse(document);
  const findings = checkReferences(document, written, (path) => {
    const { line, column } = locator.locate(path, 'value');
    return `${file}:${line}:${column}`;
  });
  if (!parsed.success) findings.push(...explainIssues(document, parsed.error.issues));
  problems.push(...findings.map(({ path, target, message }) => problem(locator.locate(path, target), message)));
  return parsed.success && problems.length === 0
    ? { ok: true, config: resolveConfig(parsed.data, baseDir) }
    : { ok: false, problems: inOrder(problems) };
}
