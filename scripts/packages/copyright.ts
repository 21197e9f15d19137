import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An npm package that is carried. */
interface Carried {
  /** Its folder below the server's. */
  readonly path: string;
  /** Where its licence is read. */
  readonly from: string;
  readonly version?: string;
  readonly license?: string;
}

/** Licences whose text Debian has, which packages do not repeat (Debian Policy, section 12.5). */
const COMMON: Readonly<Record<string, string>> = { 'Apache-2.0': '/usr/share/common-licenses/Apache-2.0' };

/** The text of a package's licence, and its notices. */
function licenceText(from: string, license: string): string {
  const common = COMMON[license];
  const names = readdirSync(from).filter((name) => /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i.test(name));
  const texts = names
    .filter((name) => common === undefined || /^notice/i.test(name))
    .map((name) => readFileSync(join(from, name), 'utf8').trim());
  return [...texts, ...(common === undefined ? [] : [`The text of the licence is in ${common}.`])].join('\n\n');
}

/** A text as a field of Debian's control files: indented, with dots for empty lines. */
const indented = (text: string) =>
  text
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');

/** A licence's name as one word. */
const short = (license: string) => license.replace(/[^A-Za-z0-9.+-]+/g, '-').replace(/^-|-$/g, '');

/** Who holds the rights, by the licence's own words. */
function holders(text: string, name: string): string {
  const lines = text.match(/^.*copyright\s+(?:\(c\)|©|\d{4}).*$/gim) ?? [];
  return (
    lines
      .map((line) => line.trim().replace(/^copyright\s*/i, ''))
      .slice(0, 5)
      .join('\n           ') || `the authors of ${name}`
  );
}

/**
 * Debian's copyright file of the server and what it carries
 * (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/).
 * @param own the text of the server's licence
 */
export function debianCopyright(own: string, carried: readonly Carried[]): string {
  const parts = carried.map(({ path, from, version, license = 'unknown' }) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const text = licenceText(from, license);
    const licence = `${short(license)}-${short(name)}`;
    return `Files: usr/lib/slipway/${path}/*\nCopyright: ${holders(text, name)}\nLicense: ${licence}\n${indented(`${name} ${version} (${license})\n\n${text}`)}`;
  });
  return `${[
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: slipway',
    `Files: *\nCopyright: the Slipway authors\nLicense: MIT\n${indented(own)}`,
    ...parts,
  ].join('\n\n')}\n`;
}
