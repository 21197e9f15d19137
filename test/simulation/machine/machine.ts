import type { Mac } from '../../../src/model/machine/mac.ts';
import type { Peer } from '../../../src/tftp/transfer/download.ts';
import type { Clock } from '../world/clock.ts';
import { Mailbox } from '../world/clock.ts';
import type { Network } from '../world/network.ts';
import type { Random } from '../world/random.ts';
import type { Server } from '../world/server.ts';
import type { Fault } from './faults.ts';

/** The kinds of firmware: docs/firmware.md. `uefi-bypass` fails with the boot server on port 4011. */
export const KINDS = ['bios', 'uefi', 'uefi-bypass', 'uefi-http', 'ipxe-rom', 'raspberry-pi', 'arm64'] as const;
export type Kind = (typeof KINDS)[number];

/** What a machine has around it. */
export interface Surroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly server: Server;
}

/** A datagram of TFTP, and the server's port that it came from. */
export interface TftpDatagram {
  readonly bytes: Uint8Array;
  readonly from: number;
}

/** Lines of a machine's history. */
const HISTORY = 400;

/** A machine: its network card, what is wrong with it, and its history. */
export class Machine {
  readonly mac: Mac;
  readonly kind: Kind;
  readonly fault: Fault | undefined;
  readonly address: string;
  readonly around: Surroundings;
  readonly dhcp: Mailbox<Uint8Array>;
  readonly tftp: Mailbox<TftpDatagram>;
  readonly history: string[] = [];
  /** The UDP port of its transfer. */
  tftpPort = 0;
  /** Whether its system is up, by itself. */
  isUp = false;
  /** When it fell silent for good, by the clock. */
  silentAt: number | undefined;
  private readonly began: number;

  constructor(number: number, kind: Kind, fault: Fault | undefined, around: Surroundings) {
    const digits = number.toString(16).padStart(6, '0').match(/../g)?.join(':');
    this.mac = `${kind === 'raspberry-pi' ? 'b8:27:eb' : '52:54:00'}:${digits}` as Mac;
    this.address = `10.0.${number >> 8}.${number & 255}`;
    this.kind = kind;
    this.fault = fault;
    this.around = around;
    this.dhcp = new Mailbox(around.clock);
    this.tftp = new Mailbox(around.clock);
    this.began = around.clock.now;
  }

  get name(): string {
    return `node-${this.mac.slice(9).replaceAll(':', '')}`;
  }

  has(...names: readonly Fault['name'][]): boolean {
    return this.fault !== undefined && names.includes(this.fault.name);
  }

  /** Whether this rule names its fault. */
  isNamedBy(rule: string): boolean {
    const { fault, silentAt, around } = this;
    if (!fault || fault.rules.includes(rule)) return fault !== undefined;
    const seconds = fault.cut[rule];
    if (seconds === undefined || silentAt === undefined) return false;
    return around.server.wasAway(silentAt, silentAt + seconds * 1000);
  }

  /** Whether the fleet may show this rule while the machine has its fault. */
  allows(rule: string): boolean {
    if (this.isNamedBy(rule) || this.fault?.also.includes(rule)) return true;
    // What its firmware does besides.
    return this.kind === 'uefi-bypass' && rule === 'no-boot-server-request';
  }

  note(text: string): void {
    const seconds = ((this.around.clock.now - this.began) / 1000).toFixed(3).padStart(9);
    if (this.history.length < HISTORY) this.history.push(`${seconds} s  ${text}`);
  }

  /** Sleeps for some time between two, seconds. */
  async sleep(low: number, high = low): Promise<void> {
    await this.around.clock.sleep(this.around.random.between(low, high) * 1000);
  }

  /** Sends a datagram of TFTP. @param port of the server */
  sendTftp(bytes: Uint8Array, port: number): void {
    const peer: Peer = { address: this.address, port: this.tftpPort };
    this.around.network.carry(() => this.around.server.tftp(bytes, port, peer));
  }

  /** Takes a datagram of TFTP, unless something on the way does not let it through. */
  receiveTftp(datagram: TftpDatagram): void {
    if (this.has('small-mtu') && datagram.bytes.length > 1400) return;
    if (this.has('tftp-blocked') && datagram.from !== 69) return;
    this.tftp.put(datagram);
  }
}
