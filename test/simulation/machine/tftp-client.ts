import { decodePacket, encodePacket, type Option } from '../../../src/tftp/packet.ts';
import type { Machine, TftpDatagram } from './machine.ts';

/** How a client fetches, and how patient it is. */
export interface TftpStyle {
  readonly blksize: number | undefined;
  readonly windowsize: number;
  /** Milliseconds before it repeats its last packet. */
  readonly timeout: number;
  readonly retries: number;
}

/** edk2's MtftpDxe as PxeBcDxe uses it: four seconds, six tries. */
export const EDK2: TftpStyle = { blksize: 1468, windowsize: 1, timeout: 4000, retries: 6 };
/** The same with a window, as newer firmware asks for. */
export const EDK2_WINDOW: TftpStyle = { ...EDK2, windowsize: 4 };
/** A boot ROM of a PC. */
export const ROM: TftpStyle = { blksize: 1456, windowsize: 1, timeout: 2000, retries: 6 };
/** One that knows no options, as the Raspberry Pi's. */
export const PLAIN: TftpStyle = { blksize: undefined, windowsize: 1, timeout: 1000, retries: 8 };

export type TftpResult = 'done' | 'missing' | 'timeout';

/** The state of a client's transfer. */
interface Transfer {
  readonly style: TftpStyle;
  /** The server's port. */
  port: number;
  blksize: number;
  windowsize: number;
  /** The last block that arrived in order. */
  have: number;
  /** The last packet sent. */
  last: Uint8Array;
  /** Whether anything arrived that the transfer waited for. */
  moved: boolean;
}

function optionsOf({ blksize, windowsize }: TftpStyle): readonly Option[] {
  if (blksize === undefined) return [];
  const size: readonly Option[] = [
    ['tsize', '0'],
    ['blksize', String(blksize)],
  ];
  return windowsize > 1 ? [...size, ['windowsize', String(windowsize)]] : size;
}

const ack = (block: number) => encodePacket({ kind: 'ack', block });

/** Takes a packet. @returns how the transfer ended, if it did */
function take(transfer: Transfer, { bytes, from }: TftpDatagram, send: () => void): TftpResult | undefined {
  const packet = decodePacket(bytes);
  if (transfer.port !== 69 && from !== transfer.port) return undefined;
  if (packet.kind === 'error') return 'missing';
  if (packet.kind === 'oack' && transfer.have === 0) {
    transfer.port = from;
    for (const [name, value] of packet.options) {
      if (name === 'blksize') transfer.blksize = Number(value);
      if (name === 'windowsize') transfer.windowsize = Number(value);
    }
    transfer.moved = true;
    transfer.last = ack(0);
    send();
  }
  if (packet.kind !== 'data') return undefined;
  transfer.port = from;
  if (packet.block !== transfer.have + 1) {
    // A gap, or a copy: says once more what it has.
    if (transfer.windowsize > 1 || packet.block > transfer.have) send();
    return undefined;
  }
  transfer.have += 1;
  transfer.moved = true;
  const isLast = packet.payload.length < transfer.blksize;
  transfer.last = ack(transfer.have);
  if (isLast || transfer.have % transfer.windowsize === 0) send();
  return isLast ? 'done' : undefined;
}

/** Fetches a file by TFTP (RFC 1350, 2347, 2348, 7440). */
export async function fetchByTftp(machine: Machine, filename: string, style: TftpStyle): Promise<TftpResult> {
  machine.tftpPort = 1024 + machine.around.random.below(60_000);
  machine.tftp.clear();
  const last = encodePacket({ kind: 'read', filename, mode: 'octet', options: optionsOf(style) });
  const transfer: Transfer = { style, port: 69, blksize: 512, windowsize: 1, have: 0, last, moved: false };
  const send = () => machine.sendTftp(transfer.last, transfer.port);
  send();
  for (let left = style.retries; left > 0; ) {
    const datagram = await machine.tftp.next(style.timeout);
    const end = datagram && take(transfer, datagram, send);
    if (end) {
      machine.note(`TFTP: ${filename}: ${end}`);
      return end;
    }
    if (transfer.moved) left = style.retries;
    transfer.moved = false;
    if (datagram) continue;
    left -= 1;
    send();
  }
  machine.note(`TFTP: ${filename}: nothing comes after block ${transfer.have}`);
  return 'timeout';
}

/** Asks for the size of a file, and ends the transfer, as edk2 does before each. */
export async function probeByTftp(machine: Machine, filename: string): Promise<void> {
  machine.tftpPort = 1024 + machine.around.random.below(60_000);
  machine.tftp.clear();
  const options: readonly Option[] = [
    ['tsize', '0'],
    ['blksize', '1468'],
  ];
  for (let tries = 0; tries < EDK2.retries; tries++) {
    machine.sendTftp(encodePacket({ kind: 'read', filename, mode: 'octet', options }), 69);
    const datagram = await machine.tftp.next(EDK2.timeout);
    if (!datagram) continue;
    if (decodePacket(datagram.bytes).kind === 'oack') {
      machine.sendTftp(encodePacket({ kind: 'error', code: 8, message: 'User aborted the transfer' }), datagram.from);
    }
    return;
  }
}
