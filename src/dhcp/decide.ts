import { bootFileName } from '../model/boot/boot-file.ts';
import { hyphenated, type Mac } from '../model/machine/mac.ts';
import type { BootSettings } from '../model/settings/node.ts';
import { baseUrl, type ServerIdentity } from '../model/settings/server.ts';
import { encodeOptions, Option, type Options, PxeOption } from './codec/options.ts';
import { addressBytes } from './codec/packet.ts';
import type { PxeRequest, VendorClass } from './request.ts';
import { type Silence, silence } from './silence.ts';

/** The server as clients see it, and the boot files that it has. */
export interface DhcpIdentity extends ServerIdentity {
  /** Whether TFTP runs. */
  readonly tftp: boolean;
  /** Whether HTTP runs. */
  readonly http: boolean;
  /** Whether the boot file of this name (see `bootFileName`) can be served. */
  hasBootFile(name: string): boolean;
}

/** The settings of the machine that asks; a `Match` of the model is one. */
export interface Recognised {
  /** The address that it was recognised by; absent for InfiniBand that does not send one. */
  readonly mac?: Mac;
  readonly settings: BootSettings;
  /** The rule that matched, in words. */
  readonly why: string;
}

/** The content of a reply. */
export interface Reply {
  /** OFFER on port 67, ACK on 4011. */
  readonly type: 'offer' | 'ack';
  /** Option 60: firmware drops what does not repeat its own class. */
  readonly vendorClass: VendorClass;
  /** TFTP name or URL; absent for a Raspberry Pi, which has the names built in. */
  readonly bootFile?: string;
  /** The value of option 43. */
  readonly vendorOptions?: Uint8Array;
  /** Option 66. */
  readonly tftpServer?: string;
}

/** Discovery control (PXE 2.1 table 2-1, option 43.6), bit 3: boot `file` at once, ask no boot server. */
const BOOT_AT_ONCE: Options = new Map([[PxeOption.DISCOVERY_CONTROL, Uint8Array.of(8)]]);

/** The boot ROM of a Raspberry Pi looks for a menu with this one text; the prompt's first octet is its time-out. */
const RASPBERRY_PI: Options = new Map([
  [PxeOption.BOOT_MENU, Uint8Array.of(0, 0, 17, ...Buffer.from('Raspberry Pi Boot'))],
  [PxeOption.MENU_PROMPT, Uint8Array.of(0, ...Buffer.from('PXE'))],
]);

/** Attempts of a machine before it is told its boot file in the other way. */
const ATTEMPTS_PER_WAY = 2;

/** Bit 15 of a boot item's layer: boot integrity services (PXE 2.1 section 2.4.4). */
const BIS = 0x80;

/**
 * Option 43 for PXE firmware. BIOS boots what the OFFER names. UEFI does so when told ("bypass"), and goes to the boot
 * server on port 4011 when told nothing ("binl"). Some firmware fails with one of them, so a machine that does not
 * succeed gets the other in turn.
 */
function discoveryControl(request: PxeRequest, settings: BootSettings, attempt: number): Uint8Array | undefined {
  const firmware = request.client.kind === 'raspberry-pi' ? undefined : request.client.firmware;
  if (firmware === 'bios') return encodeOptions(BOOT_AT_ONCE);
  const other = Math.floor((attempt - 1) / ATTEMPTS_PER_WAY) % 2 === 1;
  const bypass = (settings.discovery.value === 'bypass') !== other;
  return bypass ? encodeOptions(BOOT_AT_ONCE) : undefined;
}

/** The boot item, sent back so that the client knows which request is answered. */
function echo(bootItem: Uint8Array | undefined): Uint8Array | undefined {
  return bootItem && encodeOptions(new Map([[PxeOption.BOOT_ITEM, bootItem]]));
}

function checkServer({ packet, port, bootItem }: PxeRequest, server: DhcpIdentity): Silence | undefined {
  const serverId = packet.options.get(Option.SERVER_ID);
  if (port === 4011 && serverId && !Buffer.from(addressBytes(server.address)).equals(serverId)) {
    return silence('other-server', serverId.subarray(0, 4).join('.'));
  }
  return ((bootItem?.[2] ?? 0) & BIS) === 0 ? undefined : silence('bis');
}

/** The parts of a reply that depend on the kind of client. */
function bootOptions(
  request: PxeRequest,
  { mac, settings }: Recognised,
  server: DhcpIdentity,
  attempt: number,
): Pick<Reply, 'bootFile' | 'vendorOptions' | 'tftpServer'> | Silence {
  const { client } = request;
  if (client.kind === 'raspberry-pi') {
    if (!server.tftp) return silence('tftp-off');
    return { vendorOptions: encodeOptions(RASPBERRY_PI), tftpServer: server.address };
  }
  if (client.kind === 'ipxe' && client.http) {
    if (!server.http) return silence('http-off');
    return { bootFile: `${baseUrl(server)}/ipxe${mac === undefined ? '' : `/${hyphenated(mac)}`}` };
  }
  // An iPXE that cannot fetch over HTTP could not use any script: it is given one that can.
  const name = bootFileName(client.firmware, settings.ipxe.value);
  if (client.kind === 'http' && !server.http) return silence('http-off');
  if (client.kind !== 'http' && !server.tftp) return silence('tftp-off');
  if (!server.hasBootFile(name)) return silence('no-boot-file', name);
  if (client.kind === 'http') return { bootFile: `${baseUrl(server)}/boot/${name}` };
  const vendorOptions = request.port === 67 ? discoveryControl(request, settings, attempt) : undefined;
  return vendorOptions ? { bootFile: name, vendorOptions } : { bootFile: name };
}

/**
 * The whole policy: the reply to a machine, or the reason why there is none.
 * @param attempt number of this attempt to boot since the last that succeeded, from 1
 */
export function decide(request: PxeRequest, match: Recognised, server: DhcpIdentity, attempt = 1): Reply | Silence {
  const unwanted = checkServer(request, server);
  if (unwanted) return unwanted;
  if (match.settings.action.value === 'ignore') return silence('ignored', match.why);
  const boot = bootOptions(request, match, server, attempt);
  if ('silent' in boot) return boot;
  const { vendorClass, port } = request;
  const vendorOptions = boot.vendorOptions ?? echo(request.bootItem);
  return {
    type: port === 67 ? 'offer' : 'ack',
    vendorClass,
    ...boot,
    ...(vendorOptions ? { vendorOptions } : {}),
  };
}
