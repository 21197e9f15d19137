import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The codings in which a file may be there beside its plain form, the shortest first. */
const CODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** A file of the dashboard or of the documentation, as it was built. */
export interface BuiltFile {
  readonly type: string;
  /** With its quotes. */
  readonly etag: string;
  readonly plain: Buffer;
  /** The same compressed, by content coding. */
  readonly coded: ReadonlyMap<string, Buffer>;
}

/** Where the build puts the files of a part: beside the compiled server, also for one that runs from its sources. */
const folderOf = (part: string): string =>
  fileURLToPath(
    new URL(extname(import.meta.url) === '.ts' ? `../../../dist/${part}` : `../../${part}`, import.meta.url),
  );

/**
 * Reads the files of a part, by their paths in its folder; none where it was not built. They are small: a few megabytes.
 * @param part `dashboard` or `docs`, or the absolute path of a folder
 */
export async function readBuiltFiles(part: string): Promise<ReadonlyMap<string, BuiltFile>> {
  const folder = isAbsolute(part) ? part : folderOf(part);
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const paths = new Set(
    entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name)),
  );
  const files = new Map<string, BuiltFile>();
  for (const path of paths) {
    const type = TYPES[extname(path)];
    if (type === undefined) continue;
    const plain = await readFile(path);
    const coded = new Map<string, Buffer>();
    for (const [coding, suffix] of CODINGS)
      if (paths.has(path + suffix)) coded.set(coding, await readFile(path + suffix));
    const etag = `"${createHash('sha256').update(plain).digest('hex').slice(0, 32)}"`;
    files.set(path.slice(folder.length + 1), { type, etag, plain, coded });
  }
  return files;
}

/** The best content coding of a file that a client takes (RFC 9110 section 12.5.3); undefined for its plain form. */
export function chooseCoding(accepted: string | undefined, { coded }: Pick<BuiltFile, 'coded'>): string | undefined {
  const taken = new Set(
    (accepted ?? '').split(',').flatMap((part) => {
      const [coding = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
      return parameters.some((text) => /^q=0(?:\.0*)?$/.test(text)) ? [] : [coding];
    }),
  );
  return [...coded.keys()].find((coding) => taken.has(coding));
}
