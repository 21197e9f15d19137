import { existsSync } from 'node:fs';
import { ConfigError } from '../../config/config-error.ts';
import { type Loaded, loadConfig } from '../../config/load/load.ts';
import { checkTemplates } from '../../ipxe-templates/nunjucks/check.ts';
import { loadTemplates } from '../../ipxe-templates/nunjucks/load.ts';
import type { Templates } from '../../ipxe-templates/nunjucks/render.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { Config, Problem } from '../../model/settings/config.ts';

/** A configuration and the templates that go with it, checked against each other. */
export interface CheckedConfig {
  readonly config: Config;
  readonly templates: Templates;
  /** References to missing images and templates; only their machines cannot boot. */
  readonly missing: readonly Problem[];
}

/** A checked configuration, or its problems. */
export type CheckedConfigResult =
  | { readonly ok: true; readonly checked: CheckedConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads the templates of a valid configuration, and renders them for its nodes as a check. */
export async function withTemplates(config: Config): Promise<CheckedConfigResult> {
  try {
    const checked = checkTemplates(config, await loadTemplates(config.templates));
    if (!checked.ok) return checked;
    const { templates, missing } = checked;
    return { ok: true, checked: { config, templates, missing: [...config.missing, ...missing] } };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = plainMessage(error);
    if (code === undefined || config.templates === undefined) throw error;
    return { ok: false, problems: [{ file: config.templates, line: 1, column: 1, message: `templates: ${message}` }] };
  }
}

/**
 * Reads the configuration file and its templates, and checks them.
 * @returns with `text`, the file's text, and `others`, the files that belong to it, from which a watch can go on
 */
export async function loadCheckedConfig(file: string): Promise<CheckedConfigResult & Pick<Loaded, 'text' | 'others'>> {
  const { text, others, ...loaded } = await loadConfig(file);
  return { ...(loaded.ok ? await withTemplates(loaded.config) : loaded), text, others };
}

/** The same, for commands that cannot go on without. @throws ConfigError */
export async function requireCheckedConfig(file: string): Promise<CheckedConfig> {
  const loaded = await loadCheckedConfig(file);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  return loaded.checked;
}

/** A warning if the configured folder of templates does not exist. */
export function missingTemplates({ templates }: Config): readonly string[] {
  return templates === undefined || existsSync(templates) ? [] : [`templates: ${templates} does not exist`];
}
