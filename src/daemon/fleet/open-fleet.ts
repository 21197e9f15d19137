import { randomBytes } from 'node:crypto';
import { adopt } from '../../config/edit/adopt.ts';
import type { Scripts } from '../../ipxe-templates/scripts/wanted.ts';
import type { Boot } from '../../model/fleet/boot.ts';
import type { BootStore } from '../../model/fleet/boot-store.ts';
import type { FileRole } from '../../model/fleet/event-steps.ts';
import type { AdoptOutcome, AdoptRequest } from '../../model/fleet/status.ts';
import { Tracker } from '../../model/fleet/tracker.ts';
import type { KnownFacts } from '../../model/machine/known-facts.ts';
import { type Mac, parseMac } from '../../model/machine/mac.ts';
import { recognise } from '../../model/settings/recognise.ts';
import type { BootNews } from '../observe/boot-news.ts';
import type { DaemonOptions, ServingState } from '../serving/serving-state.ts';
import { createFleet, type FleetMemory } from './fleet.ts';
import { SharedRoles } from './keeping/shared-roles.ts';
import { openNeighbours } from './neighbours.ts';
import { openTokens } from './tokens/api-tokens.ts';

/** Boots that began so long before the start are still followed, milliseconds. */
const FOLLOWED = 30 * 60_000;
/** Boots that are asked of the store at a time. */
const AT_ONCE = 500;

/** What a path of the HTTP server is to a machine: blobs by their digest, and the boot programs. */
function roleOf(scripts: Scripts, roles: SharedRoles, mac: Mac, path: string): FileRole | undefined {
  if (path.startsWith('/boot/')) return 'boot-file';
  const [, digest] = /^\/blobs\/sha256\/([0-9a-f]{64})(?:\/|$)/.exec(path) ?? [];
  return digest === undefined ? undefined : (scripts.rolesOf(mac)?.get(digest) ?? roles.roleOf(mac, digest));
}

/** Adds a node to the configuration file; the watch over the file puts it in force. */
async function adoptNode(file: string, { mac, dry_run, ...node }: AdoptRequest): Promise<AdoptOutcome> {
  const address = parseMac(mac);
  if (!address) return { problem: `${JSON.stringify(mac)} is no MAC address` };
  const adoption = await adopt(file, { ...node, mac: address });
  if ('problem' in adoption) return adoption;
  if (!dry_run) await adoption.write();
  return { diff: adoption.diff };
}

/** The secret of the tokens of reports: that of the store, so that tokens are good after a restart, and at other daemons. */
async function secretOf(store: BootStore | undefined): Promise<string> {
  const fresh = { secret: randomBytes(32).toString('hex') };
  const kept = (await store?.addNote('secret', 'reports', fresh).catch(() => fresh)) ?? fresh;
  return (kept as typeof fresh).secret;
}

/**
 * Has a tracker go on with the boots that an earlier daemon has followed.
 * @param now milliseconds since 1970
 * @returns the last boots of the other machines, as they ended
 */
export async function followEarlier(
  tracker: Tracker,
  store: BootStore | undefined,
  now: number,
): Promise<readonly Boot[]> {
  const latest = (await store?.latest().catch(() => [])) ?? [];
  const followed = latest.filter(({ outcome, last }) => outcome !== 'up' && now - last <= FOLLOWED);
  for (let from = 0; from < followed.length; from += AT_ONCE) {
    const lot = followed.slice(from, from + AT_ONCE);
    const boots = (await store?.byIds(lot.map(({ id }) => id)).catch(() => [])) ?? [];
    for (const boot of boots) tracker.restore(boot);
  }
  const own = new Set(followed);
  const others = latest.filter((boot) => !own.has(boot));
  return others.map((boot) => (boot.outcome === 'under-way' ? { ...boot, outcome: 'unfinished' } : boot));
}

interface FleetOutlets extends DaemonOptions {
  /** What keeps boots. The fleet does not close it. */
  readonly store: BootStore | undefined;
  readonly onNews: (news: BootNews) => void;
}

/** Follows the boots of machines, and keeps them where the configuration says so. Boots of an earlier daemon go on. */
export async function openFleet(
  state: () => ServingState,
  scripts: Scripts,
  facts: KnownFacts,
  configFile: string,
  { store, record, now, monotonic, onNews }: FleetOutlets,
): Promise<FleetMemory> {
  const secret = await secretOf(store);
  const roles = new SharedRoles();
  store?.feed?.follow((events) => {
    for (const { event } of events) roles.note(event);
  });
  const tracker = new Tracker({
    roleOf: (mac, path) => roleOf(scripts, roles, mac, path),
    nodeOf: (mac) => recognise(state().config, facts.of(mac)).node?.name,
    newId: () => randomBytes(8).toString('hex'),
  });
  const earlier = await followEarlier(tracker, store, now());
  return createFleet({
    tracker,
    earlier,
    store,
    config: () => state().config,
    facts,
    neighbour: openNeighbours(monotonic),
    adopt: (request) => adoptNode(configFile, request),
    record,
    onNews,
    scripts,
    authorise: openTokens(() => state().config.api.tokens || undefined, record),
    secret,
    origin: randomBytes(8).toString('hex'),
    now,
    monotonic,
  });
}
