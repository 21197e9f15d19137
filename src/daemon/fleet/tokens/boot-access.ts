import { SILENCE } from '../../../model/fleet/begins.ts';
import { type BootWithSteps, rank, type Stage } from '../../../model/fleet/boot.ts';
import { dropOldest } from '../../../model/limits/drop-oldest.ts';
import type { Mac } from '../../../model/machine/mac.ts';
import { BootTokens } from './boot-tokens.ts';

/** Requests of one machine that runs containers: its output comes in pieces. */
const RUNS = 1_000_000;
/** How often one token gives a document. */
const USES = 50;
/** A system has its configuration soon after its root, and the initrd its arguments soon after it is there, milliseconds. */
const AFTER = 10 * 60_000;
/** No boot takes as long, milliseconds. */
const LIFE = 24 * 3_600_000;
/** Boots and addresses that are remembered; the oldest go. */
const MAX = 20_000;
/** Machines of one address that are remembered: two are as good as many. */
const PER_ADDRESS = 4;

/** A machine, and its boot. */
export interface TokenOwner {
  readonly mac: Mac;
  readonly boot: string;
}

/** Who asked for a machine's script. */
export interface Asker {
  /** Its IP address. */
  readonly client: string;
  /** The UUID that iPXE tells; undefined where it was not asked. */
  readonly uuid: string | undefined;
}

/** Options of {@link BootAccess}. */
export interface BootAccessOptions {
  /** The last boot of a machine. */
  readonly boot: (mac: Mac) => BootWithSteps | undefined;
  /** A boot that is followed. */
  readonly byId: (id: string) => BootWithSteps | undefined;
  /** Of the tokens; see {@link BootTokens}. */
  readonly secret: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Who may have the configuration of which machine: by the token of its boot's script, or by its IP address. An address
 * counts for a machine only where the machine used a token from it, or got its script there: asking for the script of
 * any machine is free.
 */
export class BootAccess {
  private readonly options: BootAccessOptions;
  private readonly tokens: BootTokens;
  private readonly runs: BootTokens;
  private readonly askers = new Map<string, Asker>();
  private readonly addresses = new Map<string, TokenOwner[]>();
  /** The boots that began by kexec, by the ids of those before them. */
  private readonly successors = new Map<string, string>();

  constructor(options: BootAccessOptions) {
    this.options = options;
    this.tokens = new BootTokens({ secret: options.secret, purpose: 'configuration', uses: USES });
    this.runs = new BootTokens({ secret: options.secret, purpose: 'containers', uses: RUNS });
  }

  /** Whether somebody else than the machine whose boot is past its script asks for a script with its MAC address. */
  isClaim(mac: Mac, { client, uuid }: Asker): boolean {
    const boot = this.options.boot(mac);
    const first = boot && this.askers.get(boot.id);
    if (!boot || !first || boot.outcome !== 'under-way' || this.options.now() - boot.last > SILENCE) return false;
    if (rank(boot.stage) <= rank('script')) return false;
    const other = first.uuid !== undefined && uuid !== undefined && first.uuid !== uuid;
    return other || first.client !== client;
  }

  /** The token for the script of a machine's boot; undefined where no boot is known. */
  tokenFor(mac: Mac, asker: Asker | undefined): string | undefined {
    const boot = this.options.boot(mac);
    if (!boot) return undefined;
    const owner = { mac, boot: boot.id };
    if (asker) {
      this.noteAsker(boot.id, asker);
      this.noteAddress(asker.client, owner);
    }
    return this.tokens.of(boot.id);
  }

  /** The token by which a machine runs containers in its boot; undefined where no boot is known. */
  runTokenFor(mac: Mac): string | undefined {
    const boot = this.options.boot(mac);
    return boot && this.runs.of(boot.id);
  }

  /** The boot that a token is of, if it is the last of its machine; the token is used once by this. */
  private bootOf(tokens: BootTokens, token: string): BootWithSteps | 'unknown' | 'too-many' {
    const used = tokens.use(token);
    if (typeof used === 'string') return used;
    const boot = this.options.byId(used.boot);
    return boot && this.options.boot(boot.mac)?.id === boot.id ? boot : 'unknown';
  }

  /** The boot that runs containers by a token: the last of its machine, for as long as it is that. */
  runnerOf(token: string): TokenOwner | 'unknown' | 'too-many' {
    const boot = this.bootOf(this.runs, token);
    return typeof boot === 'string' ? boot : { mac: boot.mac, boot: boot.id };
  }

  /**
   * The boot that goes on by kexec, by the token by which it runs containers: the last of its machine. Or the one before
   * for as long as no file of the next one was fetched: the answer may have been lost.
   */
  leaverOf(token: string): TokenOwner | 'unknown' | 'too-many' {
    const used = this.runs.use(token);
    if (typeof used === 'string') return used;
    const boot = this.options.byId(used.boot);
    const last = boot && this.options.boot(boot.mac);
    if (!boot || !last) return 'unknown';
    const isBefore = this.successors.get(boot.id) === last.id && rank(last.stage) <= rank('script');
    return boot.id === last.id || isBefore ? { mac: boot.mac, boot: boot.id } : 'unknown';
  }

  /**
   * Notes that the last boot of a machine began by kexec. Its iPXE is still that of the boot before.
   * @param boot the id of the one before
   * @param client the IP address of the machine
   */
  noteSuccessor({ mac, boot }: TokenOwner, client: string): void {
    const next = this.options.boot(mac);
    if (!next || next.id === boot) return;
    this.successors.set(boot, next.id);
    dropOldest(this.successors, MAX);
    const asker = this.askers.get(boot);
    if (asker) this.noteAsker(next.id, asker);
    this.noteAddress(client, { mac, boot: next.id });
  }

  private noteAsker(boot: string, asker: Asker): void {
    this.askers.delete(boot);
    this.askers.set(boot, asker);
    dropOldest(this.askers, MAX);
  }

  /**
   * The boot that a token is good for, which is used once by this.
   * @param until the stage after which what is asked for is soon needed no more
   */
  ownerOf(token: string, until: Stage = 'root'): TokenOwner | 'unknown' | 'too-many' {
    const boot = this.bootOf(this.tokens, token);
    if (typeof boot === 'string') return boot;
    const last = boot.steps.findLast(({ stage, happening }) => stage === until && happening === 'done');
    const now = this.options.now();
    const isOver = now - boot.began > LIFE || (last && now - last.at > AFTER);
    return isOver ? 'unknown' : { mac: boot.mac, boot: boot.id };
  }

  /** Notes that a machine has an IP address. */
  noteAddress(client: string, { mac, boot }: TokenOwner): void {
    const others = (this.addresses.get(client) ?? []).filter((each) => each.mac !== mac);
    this.addresses.delete(client);
    this.addresses.set(client, [...others, { mac, boot }].slice(-PER_ADDRESS));
    dropOldest(this.addresses, MAX);
  }

  /** The machine at an address: one alone, whose boot is under way or up. */
  ownerAt(client: string): TokenOwner | undefined {
    const owners = (this.addresses.get(client) ?? []).filter(({ mac, boot }) => {
      const current = this.options.boot(mac);
      return current?.id === boot && (current.outcome === 'under-way' || current.outcome === 'up');
    });
    return owners.length === 1 ? owners[0] : undefined;
  }
}
