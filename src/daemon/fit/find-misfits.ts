import { setImmediate } from 'node:timers/promises';
import type { BootFiles } from '../../artifacts/boot-files.ts';
import type { ImageFacts, MachineReport } from '../../model/boot/fit/facts.ts';
import {
  bootFileMisfit,
  type Candidate,
  imageMisfits,
  type Misfit,
  machineMisfits,
} from '../../model/boot/fit/misfits.ts';
import type { Image } from '../../model/boot/image.ts';
import { type FoundBuild, withFoundRoot } from '../../model/boot/used-files.ts';
import type { Mac } from '../../model/machine/mac.ts';
import type { Config } from '../../model/settings/config.ts';
import type { FactReader } from './read-facts.ts';

/** Machines that are looked at in one go: about a millisecond of work. */
const LOT = 200;

/** Where {@link findMisfits} looks. */
export interface MisfitSources {
  readonly config: Config;
  /** The builds of images, by the image's name. */
  readonly builds: ReadonlyMap<string, FoundBuild>;
  readonly bootFiles: Pick<BootFiles, 'has'>;
  readonly readFacts: FactReader;
  /** What a machine last said of itself. */
  readonly machine: (mac: Mac) => MachineReport;
}

/** Misfits with the machines that have them, in the order in which they were found. */
class Collected {
  private readonly found = new Map<string, Misfit & { readonly who: string | undefined; readonly others: number }>();

  add(misfit: Misfit, who?: string): void {
    // One message for all machines that share the setting.
    const key = `${misfit.path.join('\0')}\0\0${misfit.message}`;
    const before = this.found.get(key);
    this.found.set(key, before ? { ...before, others: before.others + 1 } : { ...misfit, who, others: 0 });
  }

  get all(): readonly Misfit[] {
    return [...this.found.values()].map(({ path, message, who, others }) => {
      const more = others > 0 ? ` and ${others} more` : '';
      return { path, message: who === undefined ? message : `${who}${more}: ${message}` };
    });
  }
}

/** Facts of each image, read once. */
function factsOnce({ config, readFacts }: MisfitSources): (image: Image) => Promise<ImageFacts> {
  const known = new Map<string, Promise<ImageFacts>>();
  return (image) => {
    const facts = known.get(image.name) ?? readFacts(config.artifacts, image);
    known.set(image.name, facts);
    return facts;
  };
}

/**
 * What cannot boot together: images, and the machines that boot them. Lets other work go on in between.
 */
export async function findMisfits(sources: MisfitSources): Promise<readonly Misfit[]> {
  const { config, bootFiles, machine } = sources;
  const factsOf = factsOnce(sources);
  const collected = new Collected();
  const images = new Set<string>();
  const serves = config.server.dhcp.mode !== 'off' || config.server.tftp !== false;
  const look = async ({ node, ...candidate }: Candidate, said: MachineReport, who: string) => {
    const settings = withFoundRoot(candidate.settings, sources.builds);
    const image = settings.action.value === 'boot' ? settings.image?.value : undefined;
    if (!image) return;
    const facts = await factsOf(image);
    if (!images.has(image.name)) for (const misfit of imageMisfits(image, facts)) collected.add(misfit);
    images.add(image.name);
    const found = machineMisfits({ node, settings }, facts, said);
    const lacking = serves ? bootFileMisfit(settings, (name) => bootFiles.has(name)) : [];
    for (const misfit of [...found, ...lacking]) collected.add(misfit, who);
  };
  for (const [index, { name, macs, settings }] of config.nodes.entries()) {
    const said = macs.map(machine).find(({ memory }) => memory !== undefined) ?? {};
    await look({ node: name, settings }, said, name);
    if (index % LOT === LOT - 1) await setImmediate();
  }
  for (const { name, settings } of config.rules)
    await look({ node: undefined, settings }, {}, `machines of the rule ${name}`);
  await look({ node: undefined, settings: config.unknown }, {}, 'unknown machines');
  return collected.all;
}
