import { mkdir, mkdtemp, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FleetMemory } from '../../../src/daemon/fleet/fleet.ts';
import type { ServingState } from '../../../src/daemon/serving/serving-state.ts';
import type { Scripts } from '../../../src/ipxe-templates/scripts/wanted.ts';
import type { BootEvent } from '../../../src/model/event.ts';
import type { Stage } from '../../../src/model/fleet/boot.ts';
import type { BootStore } from '../../../src/model/fleet/boot-store.ts';
import { KnownFacts } from '../../../src/model/machine/known-facts.ts';
import type { Mac } from '../../../src/model/machine/mac.ts';
import type { Service } from '../../../src/model/sockets/service.ts';

/** The daemon as it was built: its threads are programs of their own. */
const built = async <T>(path: string) => (await import(new URL(`../../../dist/${path}.js`, import.meta.url).href)) as T;
const { openFleet } = await built<typeof import('../../../src/daemon/fleet/open-fleet.ts')>('daemon/fleet/open-fleet');
const { httpService } = await built<typeof import('../../../src/daemon/services/http.ts')>('daemon/services/http');
const { loadCheckedConfig } = await built<typeof import('../../../src/daemon/serving/checked-config.ts')>(
  'daemon/serving/checked-config',
);
const { keepStore } = await built<typeof import('../../../src/daemon/state/store.ts')>('daemon/state/store');
const { openServingState, scriptsOf } =
  await built<typeof import('../../../src/daemon/serving/serving-state.ts')>('daemon/serving/serving-state');

/** The token for changes. */
export const TOKEN = 'secret-of-the-admin';

/** The stages that a simulated machine comes to, and milliseconds that each takes. */
const TAKES = {
  dhcp: 0,
  'boot-server': 900,
  'boot-file': 700,
  script: 600,
  kernel: 500,
  initrd: 2300,
  network: 5200,
  root: 9800,
  verify: 1100,
  unpack: 4200,
  'switch-root': 900,
  configuration: 2600,
  up: 6400,
} as const satisfies Partial<Record<Stage, number>>;
/** One of the stages of a simulated machine. */
export type SimulatedStage = keyof typeof TAKES;
const STAGES = Object.keys(TAKES) as SimulatedStage[];

const MB = 1024 * 1024;
const [KERNEL, INITRD, ROOT] = [8 * MB, 60 * MB, 480 * MB];

/** What of a boot is other than usual. */
export interface BootOptions {
  /** The last stage that it comes to. Default: up. */
  readonly to?: SimulatedStage;
  /** Times of this boot, by stage: 2 for twice as long as usual. */
  readonly slower?: Partial<Record<SimulatedStage, number>>;
  /** The last step, in place of the usual one. */
  readonly ends?: Partial<BootEvent>;
  /** When it began, milliseconds before now. Without it, all steps are now. */
  readonly ago?: number;
}

/** The artifacts, and their sizes in bytes. */
const FILES = { vmlinuz: 8 * MB, 'initrd.img': 12 * MB, 'root.img': 48 * MB, 'other.img': 36 * MB } as const;

/** Puts an artifact in place, whole and as old as one that is no longer written. */
async function writeArtifact(folder: string, name: string, content: string, size: number): Promise<void> {
  const path = join(folder, 'artifacts', name);
  await writeFile(`${path}.new`, `hsqs ${content}`);
  await truncate(`${path}.new`, size);
  const old = Date.now() / 1000 - 3600;
  await utimes(`${path}.new`, old, old);
  await rename(`${path}.new`, path);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** The fleet, HTTP and API of the daemon on a loopback port, where machines are events of services. */
export class SimulatedFleet {
  readonly url: string;
  readonly folder: string;
  private readonly scripts: Scripts;
  private readonly fleet: FleetMemory;
  private readonly store: BootStore | undefined;
  private readonly service: Service;
  private readonly state: ServingState;
  private readonly clock: { shift: number };

  private constructor(parts: Pick<SimulatedFleet, 'url' | 'folder'> & Record<string, unknown>) {
    this.url = parts.url;
    this.folder = parts.folder;
    this.scripts = parts.scripts as Scripts;
    this.fleet = parts.fleet as FleetMemory;
    this.store = parts.store as BootStore | undefined;
    this.service = parts.service as Service;
    this.state = parts.state as ServingState;
    this.clock = parts.clock as { shift: number };
  }

  /** @param sections of the configuration: images of the files vmlinuz, initrd.img and root.img, nodes and others */
  static async start(sections: string): Promise<SimulatedFleet> {
    const folder = await mkdtemp(join(tmpdir(), 'slipway-dashboard-'));
    const port = await freePort();
    const configFile = join(folder, 'config.yaml');
    const server = `{ address: 127.0.0.1, http: { port: ${port}, workers: 1 }, tftp: false, nbd: false, dhcp: false }`;
    await writeFile(configFile, `server: ${server}\nartifacts: ./artifacts\n${sections}`);
    await writeFile(join(folder, 'slipway.tokens'), `admin write ${TOKEN}\n`, { mode: 0o600 });
    await mkdir(join(folder, 'artifacts'));
    for (const [name, size] of Object.entries(FILES)) await writeArtifact(folder, name, name, size);
    const loaded = await loadCheckedConfig(configFile);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const clock = { shift: 0 };
    const options = {
      record: () => {},
      onNews: () => {},
      now: () => Date.now() + clock.shift,
      monotonic: () => performance.now(),
    };
    const state = await openServingState(loaded.checked, options);
    const facts = new KnownFacts();
    const scripts = scriptsOf(() => state, facts);
    const { state: place } = state.config;
    const store = place === false ? undefined : keepStore({ place, ...options });
    const fleet = await openFleet(() => state, scripts, facts, configFile, { ...options, store });
    const metrics = async () => undefined;
    const context = { ...options, state: () => state, scripts, facts, fleet, metrics, syscalls: undefined };
    const [plan] = httpService(context).plans(state);
    const service = await plan?.start();
    const url = `http://127.0.0.1:${port}`;
    return new SimulatedFleet({ url, folder, scripts, fleet, store, service, state, clock });
  }

  async stop(): Promise<void> {
    this.fleet.endStreams();
    await this.service.stop(0);
    await this.fleet.stop();
    await this.store?.close();
    await this.state.mirror.close();
    await this.state.store.close();
    await rm(this.folder, { recursive: true });
  }

  /** Puts a new version of the root of an image in place, and waits until machines get it. */
  async replaceRoot(image: string): Promise<void> {
    const before = JSON.stringify(await this.scripts.contentsOf(image));
    await writeArtifact(this.folder, 'root.img', 'another root.img', FILES['root.img']);
    while (JSON.stringify(await this.scripts.contentsOf(image)) === before) await delay(100);
  }

  /** Notes an event as a service would, so many milliseconds ago. */
  observe(event: Partial<BootEvent> & { readonly event: string }, ago = 0): void {
    this.clock.shift = -ago;
    this.fleet.observe({ level: 'info', message: event.event, ...event } as BootEvent);
    this.clock.shift = 0;
  }

  /** The begin of a machine's boot, and then each further stage: the next one at each call. */
  async *boot(mac: Mac, address: string, { slower = {}, ends, to = 'up', ago }: BootOptions = {}) {
    let left = ago ?? 0;
    const stages = STAGES.slice(0, STAGES.indexOf(to) + 1);
    for (const stage of stages) {
      const took = TAKES[stage] * (slower[stage] ?? 1);
      if (ago !== undefined) left -= took;
      const isLast = stage === stages.at(-1);
      if (isLast && ends) {
        this.observe({ ...(await this.eventOf(stage, mac, address, took)), ...ends } as BootEvent, left);
      } else for (const event of await this.eventsOf(stage, mac, address, took)) this.observe(event, left);
      yield stage;
    }
  }

  /** A whole boot at once. */
  async booted(mac: Mac, address: string, options: BootOptions = {}): Promise<void> {
    for await (const _ of this.boot(mac, address, options));
  }

  private async eventsOf(stage: SimulatedStage, mac: Mac, address: string, took: number) {
    return [await this.eventOf(stage, mac, address, took)];
  }

  private async eventOf(stage: SimulatedStage, mac: Mac, address: string, took: number): Promise<BootEvent> {
    const seconds = took / 1000;
    const base = { level: 'info', mac, client: address } as const;
    switch (stage) {
      case 'dhcp':
        return {
          ...base,
          event: 'dhcp.offer',
          message: 'offered snponly.efi',
          client: 'pxe',
          to: '255.255.255.255:68',
        };
      case 'boot-server':
        return {
          ...base,
          event: 'dhcp.ack',
          message: 'told snponly.efi on port 4011',
          client: 'pxe',
          to: `${address}:4011`,
        };
      case 'boot-file':
        return {
          ...base,
          event: 'tftp.done',
          message: 'snponly.efi sent',
          client: `${address}:2070`,
          bytes: 290_000,
          seconds,
        };
      case 'script': {
        await this.scripts.forMac(mac, { version: this.fleet.version });
        return { ...base, event: 'boot.script', message: 'script sent', ...this.scripts.about(mac) };
      }
      case 'kernel':
        return this.download(mac, address, 'kernel', KERNEL, seconds);
      case 'initrd':
        return this.download(mac, address, 'initrd', INITRD, seconds);
      default: {
        const [boot] = await this.fleet.boots(mac, 1);
        const message = MESSAGES[stage] ?? stage;
        const sizes = stage === 'root' ? { bytes: ROOT, length: ROOT, seconds } : {};
        return { ...base, event: 'boot.report', stage, happening: 'done', message, boot: boot?.id, ...sizes };
      }
    }
  }

  private download(mac: Mac, address: string, wanted: string, bytes: number, seconds: number): BootEvent {
    const [digest] = [...(this.scripts.rolesOf(mac) ?? [])].find(([, role]) => role === wanted) ?? [];
    const path = `/blobs/sha256/${digest}/${wanted}`;
    const sizes = { bytes, length: bytes, seconds };
    const message = `${wanted} sent`;
    const about = { event: 'http.download', level: 'info', message, mac, client: address } as const;
    return { ...about, method: 'GET', path, status: 200, complete: true, ...sizes };
  }
}

const MESSAGES: Partial<Record<SimulatedStage, string>> = {
  network: 'eth0 has an address after 3 s',
  root: 'the root arrived, 480 MiB',
  verify: 'the digest is that of the image',
  unpack: '480 MiB unpacked',
  'switch-root': 'the system starts',
  configuration: 'its configuration was sent',
  up: 'the system is up',
};

/** The address of the n-th machine, from 1. */
export const macOf = (n: number): Mac => `52:54:00:${n.toString(16).padStart(6, '0').match(/../g)?.join(':')}` as Mac;

/** The IP address of the n-th machine, from 1. */
export const addressOf = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
