import { setImmediate } from 'node:timers/promises';
import { pathOfArgument } from '../../config/check/place-of.ts';
import type { Templates } from '../../ipxe-templates/nunjucks/render.ts';
import { kernelLineLength, lineFault, MAX_LINE } from '../../ipxe-templates/scripts/kernel-line.ts';
import { type Pin, planBoot, requiredFiles } from '../../model/boot/boot-plan.ts';
import { possibleMatches } from '../../model/boot/build.ts';
import type { Misfit } from '../../model/boot/fit/misfits.ts';
import { hasSecrets, rootArgs } from '../../model/boot/root-methods/methods.ts';
import { type Config, type Match, sampleMatches } from '../../model/settings/config.ts';
import type { ServerIdentity } from '../../model/settings/server.ts';

/** Octets by which names, and the arguments that a template leaves out, may differ between machines that are alike. */
const SLACK = 300;
/** Nodes that are looked at in one go, and scripts that are rendered in one: some milliseconds of work. */
const NODES = 200;
const SCRIPTS = 10;

const SAMPLE_PIN: Pin = { digest: '0'.repeat(64), size: 0, verity: { rootHash: '0'.repeat(64), blocks: 1_000_000 } };

/** The identity of the server with the longest URLs: the lines of all of its networks must fit. */
function longestIdentity({ server }: Config): ServerIdentity {
  const { address = '192.168.100.100', interfaces = [], http } = server;
  const { port, url } = http || { port: 8080, url: undefined };
  const urls = [url, ...interfaces.map((each) => each.url)].filter((each) => each !== undefined);
  const longest = urls.reduce<string | undefined>(
    (most, each) => (each.length > (most?.length ?? 0) ? each : most),
    undefined,
  );
  return { address, httpPort: port, ...(longest !== undefined && { url: longest }) };
}

/** Machines with the same key have the same line, but for their arguments, the values of variables and their names. */
function kindOf({ node, settings }: Match, own: number): string {
  const { image, template, vars, configuration = [] } = settings;
  const kind = [image?.value.name, image?.value.root.method, template.value, !node, own, Object.keys(vars)];
  return JSON.stringify([...kind, configuration.map(({ from }) => from)]);
}

const argsOf = ({ settings }: Match): readonly string[] => settings.args.map(({ value }) => value);

/** Octets of a root's own arguments, where these are known before its files are. */
function ownLength({ node, settings }: Match, args: readonly string[]): number {
  const root = settings.image?.value.root;
  return root && !root.source ? Buffer.byteLength(rootArgs(root, args, node && '').join(' ')) : 0;
}

/** Octets of what differs between machines of the same kind. */
function varying(match: Match, args: readonly string[]): number {
  const values = Object.values(match.settings.vars).map(({ value }) => String(value));
  return Buffer.byteLength([...args, ...values].join(' '));
}

function lengthOf(match: Match, templates: Templates, server: ServerIdentity): number {
  const pins = new Map(requiredFiles(match).map(({ path }) => [path, SAMPLE_PIN]));
  return kernelLineLength(templates.render(match.settings.template.value, planBoot(match, pins, server)));
}

/** Where the most of a long line is written: its longest argument, or the root of its image. */
function placeOf(match: Match, own: number): Misfit['path'] {
  const { args, image } = match.settings;
  const longest = [...args].sort((a, b) => b.value.length - a.value.length)[0];
  if (longest && longest.value.length >= own) return pathOfArgument(longest.from);
  return image ? ['images', image.value.name, 'root'] : [];
}

const whose = ({ node, rule }: Match): string =>
  node ? `nodes.${node.name}` : rule ? `rules.${rule.name}` : 'unknown machines';

/** The matches of all machines, in lots; those of rules and of unknown machines are in each. */
function* lotsOf(config: Config): Generator<readonly Match[]> {
  let at = 0;
  do {
    // All nodes, as their arguments differ.
    const representatives = config.nodes.slice(at, at + NODES);
    yield sampleMatches({ ...config, representatives }).flatMap(possibleMatches);
    at += NODES;
  } while (at < config.nodes.length);
}

/** The machine of a match gets no script: secrets are for nodes alone. */
function strangersSecrets(match: Match): readonly Misfit[] {
  const image = match.node ? undefined : match.settings.image?.value;
  if (!image || !hasSecrets(image.root)) return [];
  const message = `has secrets, which only nodes get: ${whose(match)} cannot boot by it`;
  return [{ path: ['images', image.name, 'root'], message }];
}

/**
 * Kernel lines that are too long, one for each place that they are too long by, and roots with secrets for machines that
 * cannot have them. Lets other work go on in between.
 */
export async function findLineFaults(config: Config, templates: Templates): Promise<readonly Misfit[]> {
  const server = longestIdentity(config);
  const found = new Map<string, Misfit>();
  /** What templates add to the rest, by the kind of machine. */
  const added = new Map<string, number>();
  let rendered = 0;
  const look = async (match: Match): Promise<readonly Misfit[]> => {
    const { action, image, template } = match.settings;
    if (action.value !== 'boot' || !image || !templates.names.includes(template.value)) return [];
    const args = argsOf(match);
    const own = ownLength(match, args);
    const kind = kindOf(match, own);
    const [before, rest] = [added.get(kind), varying(match, args)];
    const strangers = strangersSecrets(match);
    if (before !== undefined && before + rest + SLACK <= MAX_LINE) return strangers;
    if (++rendered % SCRIPTS === 0) await setImmediate();
    const length = lengthOf(match, templates, server);
    added.set(kind, length - rest);
    const fault = lineFault(length);
    const path = placeOf(match, own);
    return fault ? [...strangers, { path, message: `the kernel line of ${whose(match)} ${fault}` }] : strangers;
  };
  for (const matches of lotsOf(config)) {
    for (const match of matches) {
      for (const misfit of await look(match)) {
        const key = misfit.path.join('\0');
        if (!found.has(key)) found.set(key, misfit);
      }
    }
    await setImmediate();
  }
  return [...found.values()];
}
