import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ROOT_METHODS } from '../../model/boot/root-methods/methods.ts';
import type { TemplateSource, TemplateSources } from './render.ts';

const BUILT_IN = fileURLToPath(new URL('..', import.meta.url));
/** Of scripts. Templates of other files keep their suffix as a part of their name. */
const SUFFIX = '.ipxe.njk';
const ANY_SUFFIX = '.njk';

/** The template of a root method that needs kernel arguments and nothing else. */
const ARGUMENTS_ALONE =
  "{% extends 'base.ipxe.njk' %}{% block root_args %}{% for arg in root_args %} {{ arg }}{% endfor %}{% endblock %}";
const ROOT_TEMPLATES = ROOT_METHODS.map(
  ({ name }) => [name, { file: `${name}${SUFFIX}`, text: ARGUMENTS_ALONE }] as const,
);

async function readFolder(folder: string): Promise<readonly (readonly [string, TemplateSource])[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(ANY_SUFFIX)).sort();
  return Promise.all(
    files.map(async (name) => {
      const file = join(folder, name);
      return [
        name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name,
        { file, text: await readFile(file, 'utf8') },
      ] as const;
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
 * @throws the file system's error if the folder or a file cannot be read
 */
export async function loadTemplates(folder: string | undefined): Promise<TemplateSources> {
  const own = folder === undefined ? [] : await readFolder(folder).catch(noneIfMissing);
  return new Map([...ROOT_TEMPLATES, ...(await readFolder(BUILT_IN)), ...own]);
}

/** A text that changes with each change of a folder's templates. */
async function stateOf(folder: string): Promise<string> {
  const files = (await readdir(folder).catch(noneIfMissing)).filter((file) => file.endsWith(ANY_SUFFIX)).sort();
  const versions = files.map(async (name) => {
    const found = await stat(join(folder, name), { bigint: true }).catch(() => undefined);
    return [name, found?.ino, found?.size, found?.mtimeNs].join();
  });
  return (await Promise.all(versions)).join('\n');
}

/**
 * Waits until a folder's templates have settled: programs write in several steps, and a watch may report only the
 * first.
 * @param pauseMs milliseconds without a change
 */
export async function templatesSettled(folder: string, pauseMs: number): Promise<void> {
  for (let state = await stateOf(folder), before: string | undefined; state !== before; ) {
    before = state;
    await delay(pauseMs);
    state = await stateOf(folder);
  }
}
