import { posix } from 'node:path';

/** A package of the lock file. */
export interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The packages of a lock file, by their folder; '' is the project. */
export type Lock = Readonly<Record<string, LockedPackage>>;

/** Needed only to install the package that names it. */
const INSTALLERS = new Set(['prebuild-install', 'node-gyp-build']);

/** The folder that a package's `import` finds, as Node looks for it: beside the package, and then further up. */
function find(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = posix.dirname(folder)) {
    const path = posix.join(folder === '.' ? '' : folder, 'node_modules', name);
    if (lock[path]) return path;
    if (folder === '' || folder === '.') return undefined;
  }
}

/**
 * The folders of all packages that the project needs where it runs, sorted.
 * @param cpu as Node names it: x64, arm64; binaries for others are left out
 */
export function modulesOf(lock: Lock, cpu: string): readonly string[] {
  const found = new Set<string>();
  const add = (from: string) => {
    const { dependencies = {}, optionalDependencies = {} } = lock[from] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const path = INSTALLERS.has(name) ? undefined : find(lock, from, name);
      const { os = ['linux'], cpu: cpus = [cpu] } = (path !== undefined && lock[path]) || {};
      if (path === undefined || found.has(path) || !os.includes('linux') || !cpus.includes(cpu)) continue;
      found.add(path);
      add(path);
    }
  };
  add('');
  return [...found].sort();
}

/**
 * Whether anything reads a file of a package where it runs, on Debian. Licences go into one file of all.
 * @param path from the package's folder, which is `/`
 */
export function isNeeded(path: string): boolean {
  const name = posix.basename(path);
  if (/^(?:licen[cs]e|copying|notice|authors|readme|changelog|history|security|contributing)(?:[.-].*)?$/i.test(name))
    return false;
  if (/\.(?:md|markdown|map|flow|[cm]?ts|tsbuildinfo|gypi?|c|cc|cpp|h|hh|hpp|sh|yml|a|o)$/.test(name)) return false;
  if (name.startsWith('.') || /^(?:Makefile|bower\.json|karma\.conf\.js|cnoke\.cjs)$/.test(name)) return false;
  return !/^\/(?:tests?|__tests__|examples?|docs?|benchmarks?|coverage|deps|vendor)\/|\/musl_/.test(path);
}
