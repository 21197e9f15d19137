import { checkTemplates } from '../../src/ipxe-templates/nunjucks/check.ts';
import { loadTemplates } from '../../src/ipxe-templates/nunjucks/load.ts';
import { createScripts } from '../../src/ipxe-templates/scripts/scripts.ts';
import type { ScriptSources } from '../../src/ipxe-templates/scripts/wanted.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import type { Config } from '../../src/model/settings/config.ts';

/** The scripts of a configuration with the built-in templates, on a server that has no builds. */
export async function scriptsFor(config: Config, pin: ScriptSources['pin']) {
  const checked = checkTemplates(config, await loadTemplates(undefined));
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return createScripts(new KnownFacts(), () => ({
    config,
    templates: checked.templates,
    servers: [{ address: '192.0.2.10', httpPort: 8080 }],
    build: () => Promise.reject(new Error('there is no such build')),
    document: async () => ({ text: '{}', digest: 'e'.repeat(64) }),
    pin,
  }));
}
