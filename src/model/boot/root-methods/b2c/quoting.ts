import { isKernelArgument } from '../../yaml-shapes.ts';

/**
 * What boot2container makes of its line, and how a text passes it unchanged:
 *
 * 1. iPXE expands `${…}`, makes one of several blanks, and cuts the line at some words ({@link isKernelArgument}).
 * 2. boot2container splits at blanks outside double quotes, and drops these quotes. There is no escape.
 * 3. It interprets some backslashes, splits the arguments of a container at blanks, expands `*`, `?` and `[` in them, and
 *    gives all to a shell.
 */

const hasSetting = (text: string): boolean => /\$\{/.test(text);

/** What is wrong with a text for the line as it is, and the remedy: for the end of "expected …"; undefined for nothing. */
export function lineFault(text: string): string | undefined {
  if (text.includes('"')) return `no '"', which boot2container drops: use "'"`;
  if (hasSetting(text)) return `no "${'${'}", which iPXE would expand`;
  if (/^ | $| {2}/.test(text)) return 'single blanks between words, as iPXE keeps no others';
  if (text !== '' && !isKernelArgument(`b2c="${text}"`))
    return 'no word that begins with "#" or is "||", "&&" or ";", at which iPXE would cut the line';
  return undefined;
}

/** The same for a text that {@link shellWord} quotes. */
export const wordFault = (text: string): string | undefined =>
  text.includes('"') ? `no '"', which boot2container drops: use "'", or put the script into the image` : undefined;

/** The same for one of several parts between commas, which nothing quotes. */
export function partFault(text: string): string | undefined {
  if (/[\s,"'\\|]/.test(text))
    return 'no blank, comma, quote, backslash or "|", for which boot2container has no escape';
  return hasSetting(text) ? lineFault(text) : undefined;
}

/**
 * What must stand behind quotes between two blanks of a word: `''` before it changes nothing for the shell, but it is no
 * operator or comment for iPXE, no pattern that fits a file, and keeps blanks apart.
 */
const isSplit = (text: string): boolean => text === '' || /^#|[*?[]/.test(text) || /^(?:\|\||&&|;)$/.test(text);

/** A text as one word of a shell's command, on one line that {@link lineFault} allows. A `"` must not be in it. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  const quoted = text
    // Outside single quotes for the shell; each backslash stands before a quote, where "echo -e" leaves it.
    .replace(/['\\]/g, (c) => (c === "'" ? "'\\''" : "\\''"))
    .replace(/\$(?=\{)/g, () => "$''");
  const [first = '', ...rest] = quoted.split(' ');
  return `'${[first, ...rest.map((each) => (isSplit(each) ? `''${each}` : each))].join(' ')}'`;
}

/** An argument of the line, in double quotes where it has blanks. */
export const argument = (name: string, value: string | number): string =>
  String(value).includes(' ') ? `b2c.${name}="${value}"` : `b2c.${name}=${value}`;
