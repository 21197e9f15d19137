import { formatPath } from '../../config/check/wording.ts';
import { FORBIDDEN } from '../../config/yaml/read-yaml.ts';
import type { Root } from '../../model/boot/image.ts';
import { fetchedArguments, isFetched, rootMethodOf } from '../../model/boot/root-methods/methods.ts';
import { isMapping } from '../../model/mapping.ts';
import { withSecrets } from './secrets.ts';

/** The place of the first text with a character that stands in no configuration file; undefined for none. */
function forbiddenAt(
  value: unknown,
  path: readonly (string | number)[] = [],
): readonly (string | number)[] | undefined {
  if (typeof value === 'string') return FORBIDDEN.test(value) ? path : undefined;
  const entries = Array.isArray(value) ? [...value.entries()] : isMapping(value) ? Object.entries(value) : [];
  for (const [key, each] of entries) {
    const found = forbiddenAt(each, [...path, key]);
    if (found) return found;
  }
  return undefined;
}

/** @throws Error that says which value cannot stand in an argument, and not the value */
function checkValues(root: Root): void {
  const lines = forbiddenAt(root);
  if (lines) throw new Error(`root.${formatPath(lines)} has a line break or a control character: expected plain text`);
  for (const [key, { schema }] of Object.entries(rootMethodOf(root.method).keys)) {
    const issue = schema.safeParse(root[key] ?? undefined).error?.issues[0];
    if (issue) throw new Error(`root.${formatPath([key, ...(issue.path as string[])])}: expected ${issue.message}`);
  }
}

/**
 * The arguments of a machine's root that its initrd fetches, with their secrets read.
 * @param found the root, and the kernel arguments of image, profiles and node
 * @returns undefined where there is nothing to fetch
 * @throws Error that says which secret cannot be read, or cannot stand in an argument
 */
export async function readArguments(
  found: { readonly root: Root; readonly args: readonly string[] } | undefined,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (!found || !isFetched(found.root, found.args)) return undefined;
  const root = await withSecrets(found.root, folder, env);
  checkValues(root);
  return fetchedArguments(root);
}
