import type { Templates } from '../../src/ipxe-templates/nunjucks/render.ts';
import type { BootWithSteps } from '../../src/model/fleet/boot.ts';
import { RULES } from '../../src/model/fleet/diagnosis/diagnosis-rules.ts';
import type { MachineStatus } from '../../src/model/fleet/status.ts';
import type { Peer } from '../../src/tftp/transfer/download.ts';
import { ALL_FAULTS, type Fault } from './machine/faults.ts';
import { KINDS, Machine } from './machine/machine.ts';
import { powerOn } from './machine/power.ts';
import { Clock } from './world/clock.ts';
import { Network } from './world/network.ts';
import { Random } from './world/random.ts';
import { configOf } from './world/served.ts';
import { Server } from './world/server.ts';
import { openMemoryStore } from './world/store.ts';

const MINUTE = 60_000;
/** How long a world lasts, and the end of it in which all machines are looked at again and again. */
const LASTS = 32 * MINUTE;
const LOOKED_AT = 10 * MINUTE;
const LOOK_EVERY = MINUTE / 2;
/** Restarts of the daemon, all in the first minutes, when most machines boot. */
const RESTARTS = 4;

/** A machine, the rules that named it towards the end, and its state then. */
export interface Seen {
  readonly machine: Machine;
  readonly rules: ReadonlySet<string>;
  readonly status: MachineStatus | undefined;
  readonly boot: BootWithSteps | undefined;
}

/** What came of a world. */
export interface Outcome {
  readonly seen: readonly Seen[];
  readonly thrown: readonly unknown[];
  /** What the daemon kept in memory at the end. */
  readonly sizes: ReturnType<Server['sizes']>;
  /** Timers of the daemon that were left when it had been stopped. */
  readonly timers: number;
}

/** About every fifth machine has a fault that its kind of firmware can have. */
function faultOf(random: Random, kind: Machine['kind']): Fault | undefined {
  if (!random.chance(0.2)) return undefined;
  return random.pick(ALL_FAULTS.filter(({ kinds }) => kinds?.includes(kind) ?? true));
}

/** Restarts the daemon some times, while machines boot. */
async function restartDaemon(server: Server, clock: Clock, random: Random): Promise<void> {
  for (let restart = 0; restart < RESTARTS; restart++) {
    await clock.sleep(random.between(0.2, 2) * MINUTE);
    await server.stop(random.chance(0.5) ? 'stopped' : 'crashed');
    await clock.sleep(random.between(0.5, 8) * 1000);
    await server.start();
  }
}

/** Sends what is no packet of any protocol. */
function disturb(server: Server, clock: Clock, random: Random): void {
  for (let count = 0; count < 50; count++) {
    clock.after(random.between(0, 10) * MINUTE, () => {
      const bytes = Uint8Array.from({ length: random.below(600) }, () => random.below(256));
      server.dhcp(bytes, random.pick([67, 4011]), { address: '10.9.9.9', port: 68 });
      server.tftp(bytes, 69, { address: '10.9.9.9', port: 1024 + random.below(9) });
    });
  }
}

/** What was seen of the machines, by their addresses: all rules, and the first boot with one that does not fit. */
interface Looks {
  readonly rules: Map<string, Set<string>>;
  readonly strange: Map<string, BootWithSteps>;
}

/** Looks at all machines again and again until the end. */
async function look({ fleet }: Server, clock: Clock, machines: readonly Machine[]): Promise<Looks> {
  const byMac = new Map<string, Machine>(machines.map((machine) => [machine.mac, machine]));
  const looks: Looks = { rules: new Map(), strange: new Map() };
  for (const until = clock.now + LOOKED_AT; clock.now < until; ) {
    for (const { id, mac, diagnosis, before } of await fleet.status()) {
      if (!diagnosis) continue;
      const rules = looks.rules.get(mac) ?? new Set();
      looks.rules.set(mac, rules.add(diagnosis.rule));
      // A loop tells of the last boot.
      const earlier = RULES.find(({ says }) => diagnosis.rule === 'boot-loop' && before?.startsWith(says));
      if (earlier) rules.add(earlier.name);
      if (byMac.get(mac)?.allows(diagnosis.rule) || looks.strange.has(mac)) continue;
      const boot = await fleet.boot(id);
      if (boot) looks.strange.set(mac, { ...boot, steps: [...boot.steps] });
    }
    await clock.run(clock.now + LOOK_EVERY);
  }
  return looks;
}

/**
 * Has machines boot, with a daemon that is restarted meanwhile.
 * @param count of machines; all are switched on within a minute
 */
export async function simulate(seed: number, count: number, templates: Templates): Promise<Outcome> {
  const random = new Random(seed);
  const clock = new Clock();
  const restore = clock.install();
  const store = await openMemoryStore();
  const rough = random.chance(0.7);
  const weather = rough
    ? { loss: random.between(0, 0.05), doubled: random.between(0, 0.03), late: random.between(0, 0.1) }
    : { loss: 0, doubled: 0, late: 0 };
  const network = new Network(clock, random, weather);
  const machines: Machine[] = [];
  const byAddress = new Map<string, Machine>();
  const sendTftp = (bytes: Uint8Array, from: number, to: Peer) => {
    const machine = byAddress.get(to.address);
    network.carry(() => {
      if (machine && machine.tftpPort === to.port) machine.receiveTftp({ bytes, from });
    });
  };
  const kinds = Array.from({ length: count }, () => random.pick(KINDS));
  const faults = kinds.map((kind) => faultOf(random, kind));
  // The configuration is there before the machines are.
  const entries = () =>
    machines.flatMap(({ mac, name, fault }) => {
      const boots = fault ? fault.boots : 'image';
      return boots === undefined ? [] : [{ name, mac, boots }];
    });
  try {
    const neighbour = (address: string) => byAddress.get(address)?.mac;
    const options = { clock, templates, store, sendTftp, neighbour, config: configOf([]) };
    const server = new Server(options);
    const around = { clock, random, network, server };
    for (const [index, kind] of kinds.entries()) machines.push(new Machine(index, kind, faults[index], around));
    for (const machine of machines) byAddress.set(machine.address, machine);
    options.config = configOf(entries());
    await server.start();
    const broken: unknown[] = [];
    for (const machine of machines) {
      clock.after(random.between(0, MINUTE), () => void powerOn(machine).catch((error) => broken.push(error)));
    }
    disturb(server, clock, random);
    void restartDaemon(server, clock, random).catch((error) => broken.push(error));
    await clock.run(clock.now + LASTS - LOOKED_AT);
    const { rules, strange } = await look(server, clock, machines);
    const status = new Map((await server.fleet.status()).map((each) => [each.mac as string, each]));
    const seen: Seen[] = [];
    for (const machine of machines) {
      const found = status.get(machine.mac);
      const boot = strange.get(machine.mac) ?? (found && (await server.fleet.boot(found.id)));
      seen.push({ machine, rules: rules.get(machine.mac) ?? new Set(), status: found, boot });
    }
    const sizes = server.sizes();
    await server.stop('stopped');
    return { seen, thrown: [...server.thrown, ...broken], sizes, timers: clock.waiting };
  } finally {
    restore();
    store.end();
  }
}
