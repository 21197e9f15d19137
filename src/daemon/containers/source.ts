import { withContainers } from '../../ipxe-templates/scripts/decide.ts';
import type { ContainersAnswer, ContainersSource } from '../../model/containers/answer.ts';
import { prefixOf } from '../../model/containers/plan.ts';
import type { StoreSettings } from '../../model/containers/stored-files.ts';
import { parseMac } from '../../model/machine/mac.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { Config, Match } from '../../model/settings/config.ts';
import { servedBy } from '../../model/settings/served-by.ts';
import type { FleetMemory } from '../fleet/fleet.ts';
import { machineOf } from '../fleet/next/next-boots.ts';
import type { TokenOwner } from '../fleet/tokens/boot-access.ts';
import { machineDocument, sectionOf, shownDocument, storeSettings } from './documents.ts';
import { type KexecOptions, Kexecs } from './kexec.ts';
import { createVolumeStores } from './stores/volume-stores.ts';

/** How long a machine that waits for its next document waits for the answer, milliseconds, and how often it is looked. */
const PATIENCE = 50_000;
const LOOK_EVERY = 1000;

/** Options of {@link createContainersSource}. */
export interface ContainersSourceOptions extends KexecOptions {
  readonly config: () => Config;
  readonly fleet: KexecOptions['fleet'] & Pick<FleetMemory, 'pipelines'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

const NO_STORE = { status: 413, text: 'no output is kept: the configuration has state: false' };
const UNKNOWN = { status: 404, text: 'no boot has this token' };
const GONE = { status: 410, text: 'the pipeline was cancelled' };
const BEGUN = { status: 410, text: 'the pipeline of this boot has begun' };
const AWAY = { status: 503, text: 'the store of boots is away' };

/** Answers machines that run containers. */
export function createContainersSource(options: ContainersSourceOptions): ContainersSource {
  const { fleet, record } = options;
  const stores = createVolumeStores(options.now);
  const kexecs = new Kexecs(options);

  const forOwner = async (
    owner: ReturnType<typeof fleet.access.runnerOf>,
    mac: string,
    answer: (owner: TokenOwner) => Promise<ContainersAnswer>,
  ): Promise<ContainersAnswer> => {
    if (owner === 'too-many') return { status: 429, text: 'this token was used too often' };
    if (owner === 'unknown' || owner.mac !== parseMac(mac)) return UNKNOWN;
    return await answer(owner);
  };

  /** Answers the boot that a token is of. */
  const forRunner = async (
    mac: string,
    token: string,
    answer: (owner: TokenOwner) => Promise<ContainersAnswer>,
  ): Promise<ContainersAnswer> => {
    return await forOwner(fleet.access.runnerOf(token), mac, answer);
  };

  const server = () => servedBy(options.servers(), undefined);

  /** A document as it stands now. */
  const made = async (match: Match): Promise<ContainersAnswer> => {
    try {
      const { text } = await machineDocument(match, server(), options.config());
      return { status: 200, text, json: true };
    } catch (error) {
      const message = `its containers cannot be sent: ${plainMessage(error)}`;
      record({ event: 'containers.failed', level: 'error', message, mac: match.mac });
      return { status: 503, text: 'the server cannot make this document; its log says why' };
    }
  };

  /** Asks the store of a volume. */
  const withStore = async (
    { mac }: TokenOwner,
    volume: string,
    ask: (store: StoreSettings, prefix: string) => Promise<object>,
  ): Promise<ContainersAnswer> => {
    const match = options.match(mac);
    const section = sectionOf(match).volumes?.[volume];
    const { [String(section?.mirror?.store)]: store } = options.config().stores;
    if (!section?.mirror || !store) return { status: 404, text: 'there is no volume of this name with a store' };
    // Anybody can make up an address.
    if (!match.node) return { status: 403, text: 'only nodes have volumes in stores' };
    try {
      const settings = await storeSettings(store, options.config().folder);
      const answer = await ask(settings, prefixOf(section, volume, machineOf(match)));
      return { status: 200, text: `${JSON.stringify(answer)}\n`, json: true };
    } catch (error) {
      const message = `its volume ${volume}: ${plainMessage(error)}`;
      record({ event: 'containers.store', level: 'error', message, mac });
      return { status: 502, text: plainMessage(error) };
    }
  };

  return {
    async shown(mac) {
      const address = parseMac(mac);
      if (!address) return { status: 404, text: 'this is no MAC address' };
      const document = shownDocument(options.match(address), server(), options.config());
      return { status: 200, text: `${JSON.stringify(document, undefined, 2)}\n`, json: true };
    },

    document: (mac, token, client) =>
      forRunner(mac, token, async (owner) => {
        // A container can read the kernel line, and is not to have what the steps after it get.
        if ((await fleet.boot(owner.boot).catch(() => undefined))?.outcome === 'up') return BEGUN;
        fleet.access.noteAddress(client, owner);
        record({
          event: 'containers.sent',
          level: 'info',
          message: 'its containers were sent',
          mac: owner.mac,
          client,
        });
        const text = options.documentOf(owner.mac);
        return text === undefined ? await made(options.match(owner.mac)) : { status: 200, text, json: true };
      }),

    next: (mac, token, after) =>
      forRunner(mac, token, async ({ mac: machine, boot }) => {
        const begun = options.monotonic();
        do {
          const match = options.match(machine);
          const ordered = await fleet.pipelines.orderedFor(match, boot).catch(() => undefined);
          if (ordered) {
            const found = { ...match, settings: withContainers(match.settings, ordered.containers) };
            const { text, digest } = await machineDocument(found, server(), options.config());
            if (digest !== after) {
              await fleet.pipelines.forgetCancel(boot);
              kexecs.note(boot, text);
              return { status: 200, text, json: true };
            }
            await ordered.done();
          }
          await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY).unref());
        } while (options.monotonic() - begun < PATIENCE);
        return { status: 204 };
      }),

    kexec: (mac, token, client, arrival) =>
      forOwner(fleet.access.leaverOf(token), mac, (owner) => kexecs.answer(owner, client, arrival)),

    output: (mac, token, step, start, data) =>
      forRunner(mac, token, async ({ boot }) => {
        if (await fleet.pipelines.isCancelled(boot)) return GONE;
        const { outputs } = fleet.pipelines;
        if (!outputs) return NO_STORE;
        try {
          const outcome = await outputs.add(boot, step, start, Buffer.from(data, 'base64'));
          return outcome === 'kept' ? { status: 204 } : { status: 413, text: 'this boot has sent all of its output' };
        } catch {
          return AWAY;
        }
      }),

    stored: (mac, token, volume) =>
      forRunner(mac, token, async (owner) => {
        return await withStore(owner, volume, async (store, prefix) => ({ files: await stores.list(store, prefix) }));
      }),

    change: (mac, token, volume, wanted) =>
      forRunner(mac, token, async (owner) => {
        return await withStore(owner, volume, (store, prefix) => stores.presign(store, prefix, wanted));
      }),

    step: (mac, token, report) =>
      forRunner(mac, token, async ({ mac: machine, boot }) => {
        const level = report.happening === 'failed' ? 'warn' : 'info';
        fleet.observe({ event: 'containers.step', level, mac: machine, ...report, step: report.step || undefined });
        const isCancelled = await fleet.pipelines.isCancelled(boot);
        if (report.step === '' && report.happening !== 'begun') await fleet.pipelines.forgetCancel(boot);
        return isCancelled ? GONE : { status: 204 };
      }),
  };
}
