import { BadImage } from '../oci/oci-image.ts';
import type { Bytes } from '../tar/tar-entry.ts';
import type { Inode } from './tree.ts';

/** One line of a `file_contexts` file (selinux_file_contexts(5)). */
interface Spec {
  readonly pattern: RegExp;
  /** The literal text that every matching path begins with. */
  readonly stem: Bytes;
  readonly type: Inode['type'] | undefined;
  /** Undefined for `<<none>>`: such files get no label. */
  readonly context: Bytes | undefined;
}

/** Gives the label of a path, which begins with a slash; undefined where the policy has none. */
export type Labeller = (path: Bytes, type: Inode['type']) => Bytes | undefined;

const TYPES: Readonly<Record<string, Inode['type']>> = {
  '--': 'file',
  '-d': 'directory',
  '-b': 'block',
  '-c': 'character',
  '-p': 'fifo',
  '-l': 'symlink',
};

/** The characters that make a path a pattern, for libselinux and here. */
const META = /[.^$?*+|[({]/;

/** The literal text that a pattern begins with. */
function stemOf(pattern: Bytes): Bytes {
  let stem = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] ?? '';
    const escaped = char === '\\';
    if (!escaped && META.test(char)) {
      // A character that may be missing is no part of the stem.
      return '?*{'.includes(char) ? stem.slice(0, -1) : stem;
    }
    if (escaped && /[A-Za-z0-9]/.test(pattern[i + 1] ?? '')) return stem;
    stem += escaped ? (pattern[++i] ?? '') : char;
  }
  return stem;
}

function parseLine(line: Bytes): { readonly spec: Spec; readonly exact: boolean } | undefined {
  const words = line
    .replace(/^\s*#.*$/, '')
    .trim()
    .split(/\s+/);
  const [pattern = '', second = '', third] = words;
  if (pattern === '') return undefined;
  const context = third ?? second;
  const type = third === undefined ? undefined : TYPES[second];
  // Sockets are no part of an image.
  if (second === '-s') return undefined;
  if (words.length > 3 || context === '' || (third !== undefined && type === undefined)) {
    throw new BadImage(`the image's SELinux file contexts have a malformed line: ${JSON.stringify(line.trim())}`);
  }
  try {
    const alternatives = /(^|[^\\])\|/.test(pattern.replace(/\([^()]*\)|\[[^\]]*\]/g, ''));
    const spec = {
      pattern: new RegExp(`^(?:${pattern})$`, 's'),
      stem: alternatives ? '' : stemOf(pattern),
      type,
      context: context === '<<none>>' ? undefined : context,
    };
    return { spec, exact: !META.test(pattern.replace(/\\./g, '')) };
  } catch {
    throw new BadImage(
      `the image's SELinux file contexts have a pattern that is not understood: ${JSON.stringify(pattern)}`,
    );
  }
}

/** Reads `file_contexts.subs` and `.subs_dist`: paths below the first word are labelled as those below the second. */
function parseSubstitutions(text: string): readonly (readonly [from: Bytes, to: Bytes])[] {
  return text.split('\n').flatMap((line) => {
    const [from, to] = line.replace(/#.*$/, '').trim().split(/\s+/);
    return from?.startsWith('/') && to?.startsWith('/') ? [[from, to] as const] : [];
  });
}

/**
 * Makes a labeller of a policy's files, as libselinux reads them: the last pattern that matches counts, and those
 * that are plain paths come after all others.
 * @param contexts `file_contexts`, `file_contexts.homedirs` and `file_contexts.local`, in this order
 * @param substitutions `file_contexts.subs` and `file_contexts.subs_dist`, in this order
 * @throws BadImage for a malformed line
 */
export function createLabeller(contexts: readonly string[], substitutions: readonly string[] = []): Labeller {
  const parsed = contexts.flatMap((text) => text.split('\n').flatMap((line) => parseLine(line) ?? []));
  const specs = [...parsed.filter(({ exact }) => exact).reverse(), ...parsed.filter(({ exact }) => !exact).reverse()];
  const replaced = substitutions.map(parseSubstitutions);
  const substitute = (path: Bytes): Bytes => {
    let result = path;
    for (const list of replaced) {
      const found = list.find(([from]) => result === from || result.startsWith(`${from}/`));
      if (found) result = found[1].replace(/\/$/, '') + result.slice(found[0].length) || '/';
    }
    return result;
  };
  return (path, type) => {
    const name = substitute(path);
    for (const { spec } of specs) {
      if (spec.type !== undefined && spec.type !== type) continue;
      if (name.startsWith(spec.stem) && spec.pattern.test(name)) return spec.context;
    }
    return undefined;
  };
}
