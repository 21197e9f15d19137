import type { Firmware } from './arch.ts';
import type { Mac } from './mac.ts';

/**
 * What a machine can be recognised by, the most specific first: this is the order in which rules win. DHCP tells some,
 * and iPXE the rest when it asks for its script.
 */
export const FACTS = {
  mac: 'the address of the network card that it boots by',
  uuid: "the system's UUID (SMBIOS type 1, DHCP option 97), such as 4c4c4544-0051-3510-8053-b4c04f485931",
  serial: "the system's serial number (SMBIOS type 1)",
  asset: 'the asset tag of the chassis (SMBIOS type 3)',
  switch_port: 'the port of the switch, as the switch tells it (LLDP port ID)',
  switch: 'the name of the switch, as it tells it (LLDP system name)',
  circuit: 'the circuit ID that a relay or a switch adds (DHCP option 82, sub-option 1)',
  remote: 'the remote ID that a relay or a switch adds (DHCP option 82, sub-option 2)',
  relay: 'the address of the DHCP relay, such as 10.2.0.1',
  nic: 'vendor and device of the network card (PCI), such as 8086:15f3',
  product: 'the name of the product (SMBIOS type 1)',
  manufacturer: 'the manufacturer of the system (SMBIOS type 1)',
  firmware: 'bios, uefi-pxe, uefi-http or raspberry-pi',
  arch: 'x86_64, i386, arm64 and others; a machine with a BIOS counts as x86_64',
} as const;

export type FactName = keyof typeof FACTS;
export const FACT_NAMES = Object.keys(FACTS) as readonly FactName[];

/** What is known of a machine, as text; a member is absent where it is not known. */
export type Facts = Readonly<Partial<Record<FactName, string>>>;

/** The longest value that counts, characters. */
const MAX_VALUE = 128;
/** What firmware has where nobody has set a value. */
const UNSET =
  /^(?:|to be filled by o\.?e\.?m\.?|default string|not specified|none|system serial number|0+|(?:0|f|-)+)$/i;

/** A value as it counts: printable, without blanks at the ends; undefined for what firmware writes in place of one. */
export function factValue(text: string | null | undefined): string | undefined {
  const value = (text ?? '').replace(/[^\x20-\x7e]/g, '').trim();
  return value.length > MAX_VALUE || UNSET.test(value) ? undefined : value;
}

/** The architecture and the kind of firmware by what DHCP's option 93 says. */
export function factsOfFirmware(firmware: Firmware, transport: 'tftp' | 'http'): Pick<Facts, 'arch' | 'firmware'> {
  if (firmware === 'bios') return { arch: 'x86_64', firmware: 'bios' };
  const arch = firmware
    .slice('efi-'.length)
    .replace(/^x64$/, 'x86_64')
    .replace(/^ia32$/, 'i386');
  return { arch, firmware: transport === 'http' ? 'uefi-http' : 'uefi-pxe' };
}

/** The parameters of a request for a script by which iPXE tells what it knows, and the settings of iPXE that they are. */
export const IPXE_PARAMETERS: Readonly<Record<string, string>> = {
  uuid: 'uuid',
  serial: 'serial:uristring',
  asset: 'asset:uristring',
  manufacturer: 'manufacturer:uristring',
  product: 'product:uristring',
  // Type, vendor and device of the bus (iPXE's struct dhcp_netdev_desc).
  busid: 'netX/busid:hexraw',
  // LLDP since iPXE 1.21.1+git2023: TLV, index, offset, length.
  switch: 'netX.lldp/5.0.0.0:uristring',
  switch_port: 'netX.lldp/2.0.1.0:uristring',
  platform: 'platform',
  buildarch: 'buildarch',
};

/** `?uuid=${uuid}&…`: what iPXE is to add to the URL of its script. */
export const IPXE_QUERY = Object.entries(IPXE_PARAMETERS)
  .map(([name, setting], index) => `${index === 0 ? '?' : '&'}${name}=\${${setting}}`)
  .join('');

/** PCI among the types of a bus (iPXE's `BUS_TYPE_PCI`). */
const PCI = '01';

function nicOf(busid: string | null): string | undefined {
  const [, type, vendor, device] = /^(..)(.{4})(.{4})$/.exec(busid ?? '') ?? [];
  return type === PCI ? `${vendor}:${device}`.toLowerCase() : undefined;
}

function archOf(platform: string | null, buildarch: string | null): string | undefined {
  if (platform === 'pcbios') return 'x86_64';
  return factValue(buildarch);
}

/**
 * What a request for a script tells by its parameters.
 * @returns undefined where it tells nothing: then iPXE was not asked
 */
export function factsOfQuery(query: URLSearchParams): Facts | undefined {
  if (!Object.keys(IPXE_PARAMETERS).some((name) => query.has(name))) return undefined;
  const platform = query.get('platform');
  const found: Record<string, string | undefined> = {
    nic: nicOf(query.get('busid')),
    arch: archOf(platform, query.get('buildarch')),
    firmware: platform === 'pcbios' ? 'bios' : platform === 'efi' ? 'uefi' : undefined,
  };
  for (const name of ['uuid', 'serial', 'asset', 'manufacturer', 'product', 'switch', 'switch_port']) {
    found[name] = factValue(query.get(name));
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** Facts of a machine with its address. */
export type MachineFacts = Omit<Facts, 'mac'> & { readonly mac: Mac };
