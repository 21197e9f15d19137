import { pathOfArgument } from '../../config/check/place-of.ts';
import type { Path } from '../../config/check/wording.ts';
import { hasDocument } from '../../model/boot/root-methods/methods.ts';
import { mergeContainers } from '../../model/containers/section.ts';
import type { Mac } from '../../model/machine/mac.ts';
import { type Config, type Match, sampleMatches } from '../../model/settings/config.ts';
import { pathOfSetting } from '../../model/settings/node.ts';

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

/** Machines that are to run containers, and have none. */
function withoutSteps({ settings, why }: Match): readonly Warning[] {
  const { image } = settings;
  if (!image || !hasDocument(image.value.root.method)) return [];
  const { steps, end } = mergeContainers(settings.containers ?? []);
  if ((steps ?? []).length > 0 || end?.action === 'wait') return [];
  const message = `${why} boots ${image.value.name}, which runs containers, and has no steps: expected "containers: { steps: … }", or end: { action: wait }`;
  return [{ path: pathOfSetting(image.from), message }];
}

/** Warnings about the settings of machines, one for each place. */
export function settingWarnings(config: Config): readonly Warning[] {
  // All nodes, as their arguments differ.
  const all = sampleMatches({ ...config, representatives: config.nodes });
  const booting = all.filter(({ settings }) => settings.action.value === 'boot');
  const warnings = [
    ...unusableMacs(config),
    ...booting.flatMap((match) => [...furtherRoots(match), ...withoutSteps(match)]),
  ];
  const places = new Map(warnings.map((warning) => [warning.path.join('\0'), warning]));
  return [...places.values()];
}
