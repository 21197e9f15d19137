import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TemplateSource, TemplateSources } from './render.ts';

const BUILT_IN = fileURLToPath(new URL('.', import.meta.url));
const SUFFIX = '.ipxe.njk';

async function readFolder(folder: string): Promise<readonly (readonly [string, TemplateSource])[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(SUFFIX)).sort();
  return Promise.all(
    files.map(async (name) => {
      const file = join(folder, name);
      return [name.slice(0, -SUFFIX.length), { file, text: await readFile(file, 'utf8') }] as const;
    }),
  );
}

function noneIfMissing(error: NodeJS.ErrnoException): readonly [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

/**
 * Reads the built-in templates and the user's own, which win where the names are equal.
 * @param folder the user's folder, or undefined for none; one that does not exist has no templates
 * @throws the file system's error where the folder or a file cannot be read
 */
export async function loadTemplates(folder: string | undefined): Promise<TemplateSources> {
  const own = folder === undefined ? [] : await readFolder(folder).catch(noneIfMissing);
  return new Map([...(await readFolder(BUILT_IN)), ...own]);
}
