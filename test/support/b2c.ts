import { spawnSync } from 'node:child_process';

/** boot2container's arguments by name, each with its values in order; a flag has an empty one. */
export type B2cArguments = ReadonlyMap<string, readonly string[]>;

/** What iPXE makes of a line without settings: single blanks, cut where a word ends the command (its `core/exec.c`). */
export function throughIpxe(line: string): string {
  if (/\$\{/.test(line)) throw new Error(`iPXE would expand a setting in ${line}`);
  const words = line.split(/[ \t]+/).filter((word) => word !== '');
  const end = words.findIndex((word) => word.startsWith('#') || ['||', '&&', ';'].includes(word));
  return words.slice(0, end === -1 ? undefined : end).join(' ');
}

/**
 * Reads a line by boot2container's rules: split at blanks outside double quotes, the quotes are dropped, and a value is
 * the text after the first `=`.
 */
export function readB2c(line: string): B2cArguments {
  const words: string[] = [];
  let [word, isQuoted] = ['', false];
  for (const c of `${line} `) {
    if (c === '"') isQuoted = !isQuoted;
    else if (/\s/.test(c) && !isQuoted) {
      if (word !== '') words.push(word);
      word = '';
    } else word += c;
  }
  if (isQuoted) throw new Error('a double quote is open');
  const found = new Map<string, string[]>();
  for (const each of words) {
    if (!each.startsWith('b2c.')) continue;
    const [, name = '', value = ''] = /^b2c\.([^=]*)(?:=([\s\S]*))?$/.exec(each) ?? [];
    found.set(name, [...(found.get(name) ?? []), value]);
  }
  return found;
}

/**
 * The words that a shell makes of containers' arguments: "echo -e" first, then split at blanks with files expanded, and
 * at last evaluated, as boot2container's init does.
 */
const SHELL = `cd /; while IFS= read -r value; do
  value=$(echo -e "$value"); set -- $value
  eval "set -- $*"; for word in "$@"; do printf '%s\\0' "$word"; done; printf '\\1\\0'
done`;

/** @param shell the program and its first arguments */
export function wordsOf(containers: readonly string[], shell: readonly [string, ...string[]]): readonly string[][] {
  const [program, ...first] = shell;
  const { stdout, stderr, status } = spawnSync(program, [...first, '-c', SHELL], {
    input: containers.map((each) => `${each}\n`).join(''),
    encoding: 'utf8',
  });
  if (status !== 0 || stderr !== '') throw new Error(`${program} fails: ${stderr}`);
  const all: string[][] = [];
  let words: string[] = [];
  for (const word of stdout.split('\0').slice(0, -1)) {
    if (word === '\u0001') {
      all.push(words);
      words = [];
    } else words.push(word);
  }
  return all;
}
