import { createFleet, type FleetMemory } from '../../../src/daemon/fleet/fleet.ts';
import type { Neighbours } from '../../../src/daemon/fleet/neighbours.ts';
import { followEarlier } from '../../../src/daemon/fleet/open-fleet.ts';
import { scriptForBoot } from '../../../src/daemon/fleet/script-for-boot.ts';
import { openTokens } from '../../../src/daemon/fleet/tokens/api-tokens.ts';
import { answer, type Context } from '../../../src/dhcp/answer.ts';
import { Attempts } from '../../../src/dhcp/attempts.ts';
import type { DhcpIdentity } from '../../../src/dhcp/decide.ts';
import type { Datagram, Sender } from '../../../src/dhcp/reply.ts';
import type { ServerPort } from '../../../src/dhcp/request.ts';
import { withMacs } from '../../../src/http/macs.ts';
import type { Templates } from '../../../src/ipxe-templates/nunjucks/render.ts';
import { createScripts } from '../../../src/ipxe-templates/scripts/scripts.ts';
import type { Scripts } from '../../../src/ipxe-templates/scripts/wanted.ts';
import type { ScriptResult } from '../../../src/model/boot/script.ts';
import type { BootEvent, RecordEvent } from '../../../src/model/event.ts';
import { memoryFile } from '../../../src/model/files/random-access.ts';
import type { BootStep } from '../../../src/model/fleet/boot.ts';
import type { BootStore } from '../../../src/model/fleet/boot-store.ts';
import type { ReportOutcome } from '../../../src/model/fleet/status.ts';
import { Tracker } from '../../../src/model/fleet/tracker.ts';
import { rateLimitedLog } from '../../../src/model/limits/rate-limited-log.ts';
import { SourceBudget } from '../../../src/model/limits/source-budget.ts';
import { KnownFacts } from '../../../src/model/machine/known-facts.ts';
import type { Mac } from '../../../src/model/machine/mac.ts';
import type { Config } from '../../../src/model/settings/config.ts';
import { recognise } from '../../../src/model/settings/recognise.ts';
import type { ServerIdentities } from '../../../src/model/settings/served-by.ts';
import { DEFAULT_LIMITS } from '../../../src/tftp/limits.ts';
import { encodePacket } from '../../../src/tftp/packet.ts';
import { type Requests, receiveRequests } from '../../../src/tftp/requests.ts';
import type { DownloadOptions, Peer, Receive } from '../../../src/tftp/transfer/download.ts';
import type { Clock } from './clock.ts';
import { EXPIRED, pin, roleOfPath } from './served.ts';

export const SERVER = '192.0.2.10';
const IDENTITY: DhcpIdentity = { address: SERVER, httpPort: 8080, tftp: true, http: true, hasBootFile: () => true };
const SERVERS: ServerIdentities = [IDENTITY];
/** As in src/dhcp/server.ts. */
const PER_MACHINE = { burst: 32, perSecond: 8 };
const SECRET = '5'.repeat(64);

/** Names that TFTP has, beside those of iPXE: what a Raspberry Pi loads before its UEFI. */
const PI_FILES = ['config.txt', 'start4.elf', 'RPI_EFI.fd'];
const isServed = (name: string) =>
  PI_FILES.includes(name) || /(?:snponly\.efi|undionly\.kpxe|autoexec\.ipxe)$/.test(name);
/** A boot program of some blocks. */
const BOOT_FILE = new Uint8Array(5000);

const digestIn = (path: string): string => /sha256\/([0-9a-f]{64})/.exec(path)?.[1] ?? '';

/** What came of a request by HTTP. `refused`: nobody listens; `cut`: the connection ended first. */
export type Fetched = 'whole' | 'refused' | 'cut' | 'missing';

/** Options of {@link Server}. */
export interface ServerOptions {
  readonly clock: Clock;
  readonly config: Config;
  readonly templates: Templates;
  readonly store: BootStore;
  /** Sends a datagram of TFTP from a port. */
  readonly sendTftp: (bytes: Uint8Array, from: number, to: Peer) => void;
  /** All machines are on the server's own network. */
  readonly neighbour: Neighbours;
}

/** One life of the daemon: what it has in memory ends with it. */
interface Life {
  readonly fleet: FleetMemory;
  readonly scripts: Scripts;
  readonly requests: Requests;
  readonly record: { readonly dhcp: RecordEvent; readonly http: RecordEvent };
  readonly attempts: Attempts;
  readonly facts: KnownFacts;
  readonly budget: SourceBudget;
  /** Has it write nothing any more. */
  crash(): void;
}

/** The daemon with its edges replaced: sockets, files, clocks. All that decides is its own. */
export class Server {
  private readonly options: ServerOptions;
  private readonly ports = new Map<number, Receive>();
  private lastPort = 40_000;
  private lives = 0;
  private life: Life | undefined;
  /** When lives ended and the next ones began. */
  private readonly aways: { readonly from: number; to: number }[] = [];
  /** Errors that were thrown where none may be. */
  readonly thrown: unknown[] = [];

  constructor(options: ServerOptions) {
    this.options = options;
  }

  get isUp(): boolean {
    return this.life !== undefined;
  }

  /** Whether it was down at some moment between two times of the clock. */
  wasAway(from: number, to: number): boolean {
    return this.aways.some((away) => away.from <= to && away.to >= from);
  }

  /** What it knows of the machines. @throws Error while it is down */
  get fleet(): FleetMemory {
    if (!this.life) throw new Error('the daemon is down');
    return this.life.fleet;
  }

  async start(): Promise<void> {
    const { clock, config, templates, store, neighbour } = this.options;
    const now = () => clock.now;
    const facts = new KnownFacts();
    this.lives += 1;
    const scripts = createScripts(facts, () => ({
      ...{ config, templates, servers: SERVERS, pin },
      build: () => Promise.reject(new Error('there is no such build')),
      document: () => Promise.reject(new Error('there are no containers')),
    }));
    let isAlive = true;
    const own: BootStore = { ...store, add: async (changes) => void (isAlive && (await store.add(changes))) };
    let ids = 0;
    const tracker = new Tracker({
      roleOf: (mac, path) => scripts.rolesOf(mac)?.get(digestIn(path)) ?? roleOfPath(path),
      nodeOf: (mac) => recognise(config, facts.of(mac)).node?.name,
      newId: () => (++ids + this.lives * 2 ** 32).toString(16).padStart(16, '0'),
    });
    const earlier = await followEarlier(tracker, own, Math.floor(clock.now));
    const fleet = createFleet({
      ...{ tracker, earlier, store: own, config: () => config, facts, neighbour, secret: SECRET, scripts },
      ...{
        origin: `life ${this.lives}`,
        record: () => {},
        onNews: () => {},
        now: () => Math.floor(clock.now),
        monotonic: now,
      },
      adopt: async () => ({ problem: 'nobody adopts here' }),
      authorise: openTokens(
        () => undefined,
        () => {},
      ),
    });
    const record = (event: BootEvent) => fleet.observe(event);
    const requests = receiveRequests({
      open: async (name) => (isServed(name) ? memoryFile(BOOT_FILE) : 'missing'),
      bindPort: async (receive) => this.bind(receive),
      refuse: ({ address, port }, code, message) =>
        this.options.sendTftp(encodePacket({ kind: 'error', code, message }), 39_999, { address, port }),
      record: rateLimitedLog(record, now),
      now,
      limits: DEFAULT_LIMITS,
    });
    this.life = {
      ...{ fleet, scripts, requests, facts, attempts: new Attempts(), budget: new SourceBudget(PER_MACHINE, () => {}) },
      record: { dhcp: rateLimitedLog(record, now), http: withMacs(record, now) },
      crash: () => {
        isAlive = false;
      },
    };
    const away = this.aways.at(-1);
    if (away) away.to = clock.now;
  }

  /** Ends it: with its last steps written, or as a crash does. */
  async stop(how: 'stopped' | 'crashed'): Promise<void> {
    const { life } = this;
    this.life = undefined;
    this.aways.push({ from: this.options.clock.now, to: Number.POSITIVE_INFINITY });
    this.ports.clear();
    if (how === 'crashed') life?.crash();
    await life?.requests.drain(0);
    await life?.fleet.stop();
  }

  /** Answers a DHCP packet. */
  dhcp(bytes: Uint8Array, port: ServerPort, sender: Sender): Datagram | undefined {
    const { life } = this;
    if (!life) return undefined;
    const { attempts, budget, facts } = life;
    const context: Context = {
      ...{ config: this.options.config, identity: IDENTITY },
      ...{ attempts, budget, facts },
      now: this.options.clock.now,
    };
    try {
      const { event, send } = answer(bytes, port, sender, context);
      life.record.dhcp(event);
      return send;
    } catch (error) {
      this.thrown.push(error);
      return undefined;
    }
  }

  /** Takes a datagram of TFTP. @param port 69, or that of a transfer */
  tftp(bytes: Uint8Array, port: number, from: Peer): void {
    try {
      if (port === 69) this.life?.requests.receive(bytes, from);
      else this.ports.get(port)?.(bytes, from);
    } catch (error) {
      this.thrown.push(error);
    }
  }

  /** iPXE asks for its script. Undefined while nobody listens. */
  async script(mac: Mac, client: string): Promise<ScriptResult | undefined> {
    const { life } = this;
    if (!life) return undefined;
    const result = await scriptForBoot(mac, { boots: true }, life.scripts, life.fleet, life.record.http);
    const message = 'why' in result ? result.why : 'script sent';
    const status = 'why' in result ? 503 : 200;
    life.record.http({ event: 'http.script', level: 'info', message, mac, status, client });
    return result;
  }

  /**
   * Sends a file by HTTP.
   * @param seconds that it takes @param part of it that arrives; 1 for all
   */
  async download(url: string, client: string, seconds: number, part = 1): Promise<Fetched> {
    const { life } = this;
    if (!life) return 'refused';
    const about = { client, method: 'GET', path: new URL(url).pathname } as const;
    const digest = digestIn(url);
    if (EXPIRED.has(digest)) {
      const message = '410: this version is gone';
      life.record.http({ event: 'http.refused', level: 'info', message, status: 410, ...about });
      return 'missing';
    }
    await this.options.clock.sleep(seconds * 1000 * part);
    if (this.life !== life) return 'cut';
    const length = 20_000_000;
    const bytes = Math.round(length * part);
    const complete = part === 1;
    const figures = { status: 200, bytes, length, seconds: seconds * part, complete };
    life.record.http({ event: 'http.download', level: 'info', message: 'a download', ...about, ...figures });
    return complete ? 'whole' : 'cut';
  }

  /** Takes the report of a machine. Undefined while nobody listens. */
  async report(token: string, step: Omit<BootStep, 'at'>, client: string): Promise<ReportOutcome | undefined> {
    return this.life?.fleet.report(token, step, client);
  }

  /** What it keeps in memory, by what, to be compared with the limits. */
  sizes(): { readonly attempts: number; readonly budget: number; readonly ports: number } {
    return { attempts: this.life?.attempts.size ?? 0, budget: this.life?.budget.size ?? 0, ports: this.ports.size };
  }

  private async bind(receive: Receive): Promise<Awaited<ReturnType<DownloadOptions['bindPort']>>> {
    this.lastPort += 1;
    const port = this.lastPort;
    this.ports.set(port, receive);
    return {
      send: (datagrams, peer, size = datagrams.length) => {
        for (let at = 0; at < datagrams.length; at += size) {
          // Its memory is used again for the next.
          this.options.sendTftp(Uint8Array.from(datagrams.subarray(at, at + size)), port, peer);
        }
      },
      close: () => void this.ports.delete(port),
    };
  }
}
