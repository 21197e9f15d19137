import { type Pin, planBoot, requiredFiles, showingMenu } from '../../model/boot/boot-plan.ts';
import { possibleMatches } from '../../model/boot/build.ts';
import { mergeConfiguration } from '../../model/configuration/merge.ts';
import { type Config, type Match, type Problem, sampleMatches } from '../../model/settings/config.ts';
import type { ServerIdentity } from '../../model/settings/server.ts';
import { type TemplateSources, Templates } from './render.ts';
import { unknownVariables } from './unknown-variables.ts';

const SAMPLE_PIN: Pin = { digest: '0'.repeat(64), size: 0, verity: { rootHash: '0'.repeat(64), blocks: 1 } };
const SAMPLE_SERVER: ServerIdentity = { address: '192.0.2.1', httpPort: 8080 };

/** A key: machines with the same one take the same branches of a template, except by values of variables. */
function shape({ settings, node }: Match): string {
  const vars = Object.entries(settings.vars).map(([name, { value }]) => (value === false ? `!${name}` : name));
  const image = settings.image?.value;
  const { template, onFailure, configuration = [] } = settings;
  const files = Object.values(mergeConfiguration(configuration).files ?? {});
  return [...files, template.value, image?.name, image?.root.method, onFailure.value.action, !node, ...vars].join('\n');
}

/**
 * Compiles the templates and renders each kind of script that the configuration needs, so that mistakes show before a
 * machine boots.
 * @returns with `missing`, references to missing templates; only their machines cannot boot
 */
export function checkTemplates(
  config: Config,
  sources: TemplateSources,
): { ok: true; templates: Templates; missing: readonly Problem[] } | { ok: false; problems: readonly Problem[] } {
  const templates = new Templates(sources);
  const problems: Problem[] = [...sources.values()].flatMap(unknownVariables);
  const missing: Problem[] = [];
  const seen = new Set<string>();
  const menus = sampleMatches(config).map((match) => (match.settings.menu ? showingMenu(match) : match));
  for (const match of menus.flatMap(possibleMatches)) {
    const key = shape(match);
    if (match.settings.action.value === 'ignore' || seen.has(key)) continue;
    seen.add(key);
    const pins = new Map(requiredFiles(match).map(({ path }) => [path, SAMPLE_PIN]));
    const plan = planBoot(match, pins, SAMPLE_SERVER);
    const { value } = match.settings.template;
    const found = [{ name: value, problem: templates.problem(value, plan) }];
    const { files } = mergeConfiguration((match.node && match.settings.configuration) ?? []);
    for (const name of Object.values(files ?? {})) found.push({ name, problem: templates.fileProblem(name, plan) });
    for (const { name, problem } of found) {
      const list = sources.has(name) ? problems : missing;
      if (!problem || list.some(({ file, line }) => file === problem.file && line === problem.line)) continue;
      const machine = match.node ? `nodes.${match.node.name}` : 'unknown machines';
      list.push({ ...problem, message: `${problem.message} (template "${name}", for ${machine})` });
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, templates, missing };
}
