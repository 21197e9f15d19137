import { pathOfArgument } from '../../config/check/place-of.ts';
import type { Path } from '../../config/check/wording.ts';
import type { Templates } from '../../ipxe-templates/nunjucks/render.ts';
import { type Pin, planBoot, requiredFiles } from '../../model/boot/boot-plan.ts';
import { rootMethodOf } from '../../model/boot/root-methods/methods.ts';
import { mergeContainers } from '../../model/containers/section.ts';
import type { Mac } from '../../model/machine/mac.ts';
import { type Config, type Match, sampleMatches } from '../../model/settings/config.ts';
import { pathOfSetting, type Sourced } from '../../model/settings/node.ts';

/** A setting that is valid but probably a mistake. */
export interface Warning {
  readonly path: Path;
  /** The problem, without the path. */
  readonly message: string;
}

/** The kind of an address that no network card sends from (IEEE 802-2014, section 8.2); undefined for others. */
function notACard(mac: Mac): string | undefined {
  if (!/^(?:..:){5}..$/.test(mac)) return undefined;
  if (mac === 'ff:ff:ff:ff:ff:ff') return 'the broadcast address';
  if (mac === '00:00:00:00:00:00') return 'no address';
  return Number.parseInt(mac.slice(0, 2), 16) & 1 ? 'a multicast address' : undefined;
}

function unusableMacs({ nodes }: Config): readonly Warning[] {
  return nodes.flatMap(({ name, macs }) =>
    macs.flatMap((mac, i) => {
      const what = notACard(mac);
      const message = `${mac} is ${what}, which no network card has: the node will never be recognised by it`;
      return what === undefined ? [] : [{ path: ['nodes', name, 'mac', i], message }];
    }),
  );
}

/** Warnings about each further `root=` argument. The template of a method with a root sets the first. */
function furtherRoots({ settings }: Match): readonly Warning[] {
  const root = settings.image?.value.root;
  if (!root) return [];
  let first = root.source && `root method ${root.method} sets it`;
  return settings.args.flatMap(({ value, from }) =>
    value.split(/\s+/).flatMap((word) => {
      if (!word.startsWith('root=')) return [];
      const before = first;
      first ??= `${from} sets it`;
      return before === undefined ? [] : [{ path: pathOfArgument(from), message: `a second root=: ${before} already` }];
    }),
  );
}

/** Longest kernel arguments on x86 and arm64, octets (COMMAND_LINE_SIZE, 2,048, less the final NUL). */
const MAX_ARGUMENTS = 2047;
/** Octets that templates add to the arguments at most, unusual URLs apart. */
const ADDED = 1024;

const SAMPLE_PIN: Pin = { digest: '0'.repeat(64), size: 0, verity: { rootHash: '0'.repeat(64), blocks: 1_000_000 } };

/** Octets of the kernel's arguments in a script, which follow the URL of iPXE's command `kernel`. */
function argumentsIn(script: string): number {
  const line = /^[ \t]*kernel(?:[ \t]+--?\w+[ \t]+\S+)*[ \t]+\S+[ \t]+(.*?)(?:[ \t]*\|\|.*)?$/m.exec(script)?.[1];
  return Buffer.byteLength(line ?? '');
}

function tooLong(config: Config, match: Match, templates: Templates): readonly Warning[] {
  const { args, template, image } = match.settings;
  const sum = args.reduce((total, { value }) => total + value.length + 1, 0);
  const longest = args.reduce<Sourced<string> | undefined>(
    (most, arg) => (most && most.value.length >= arg.value.length ? most : arg),
    undefined,
  );
  if (!image || !longest || sum + ADDED <= MAX_ARGUMENTS) return [];
  const { address = '192.168.100.100', interfaces = [], http } = config.server;
  const settings = http || { port: 8080, url: undefined };
  // The longest of several: all of them must fit.
  const url = [settings.url, ...interfaces.map((each) => each.url)].reduce(
    (most, each) => ((each?.length ?? 0) > (most?.length ?? 0) ? each : most),
    undefined,
  );
  const server = { address, httpPort: settings.port, ...(url !== undefined && { url }) };
  const pins = new Map(requiredFiles(match).map(({ path }) => [path, SAMPLE_PIN]));
  const length = argumentsIn(templates.render(template.value, planBoot(match, pins, server)));
  if (length <= MAX_ARGUMENTS) return [];
  const who = match.node ? `nodes.${match.node.name}` : match.rule ? `rules.${match.rule.name}` : 'unknown machines';
  const message = `${length} octets of kernel arguments for ${who}, with those of the template: Linux takes up to ${MAX_ARGUMENTS} (COMMAND_LINE_SIZE of x86 and arm64) and cuts off the rest`;
  return [{ path: pathOfArgument(longest.from), message }];
}

/** Machines that are to run containers, and have none. */
function withoutSteps({ settings, why }: Match): readonly Warning[] {
  const { image } = settings;
  if (!image || rootMethodOf(image.value.root.method).form !== 'document') return [];
  const { steps, end } = mergeContainers(settings.containers ?? []);
  if ((steps ?? []).length > 0 || end?.action === 'wait') return [];
  const message = `${why} boots ${image.value.name}, which runs containers, and has no steps: expected "containers: { steps: … }", or end: { action: wait }`;
  return [{ path: pathOfSetting(image.from), message }];
}

/** Warnings about the settings of machines, one for each place. */
export function settingWarnings(config: Config, templates: Templates): readonly Warning[] {
  // All nodes, as their arguments differ.
  const all = sampleMatches({ ...config, representatives: config.nodes });
  const booting = all.filter(({ settings }) => settings.action.value === 'boot');
  const warnings = [
    ...unusableMacs(config),
    ...booting.flatMap((match) => [
      ...furtherRoots(match),
      ...withoutSteps(match),
      ...tooLong(config, match, templates),
    ]),
  ];
  const places = new Map(warnings.map((warning) => [warning.path.join('\0'), warning]));
  return [...places.values()];
}
