import { expand, type ImageCommand, imageCommands } from './expand.ts';

/** The longest kernel line of x86 and arm64, octets (COMMAND_LINE_SIZE, 2,048, less the final NUL). */
export const MAX_LINE = 2047;

/** Octets of iPXE's settings whose length is known (ipxe.org/cfg); of addresses, the longest. */
const WIDTHS: Readonly<Record<string, number>> = {
  mac: 17,
  ip: 15,
  netmask: 15,
  gateway: 15,
  dns: 15,
  'next-server': 15,
  'dhcp-server': 15,
  uuid: 36,
};
const HEX_WIDTHS: Readonly<Record<string, number>> = { mac: 12, uuid: 32 };

/** Something of the length of a setting. */
function placeholder(path: string, type: string | undefined): string | undefined {
  const name = path.replace(/.*\//, '');
  const width = type === 'hexraw' ? HEX_WIDTHS[name] : WIDTHS[name];
  return width === undefined ? undefined : 'x'.repeat(width);
}

const lineOf = ({ name, url, args }: ImageCommand): string =>
  [name ?? url.replace(/[?#].*$/, '').replace(/.*\//, ''), ...args].join(' ');

/**
 * The longest line that a script gives the kernel: the arguments of iPXE's command `kernel`, and before them the image's
 * name, which Linux gets too where it is started as an EFI program (iPXE's `image/efi_image.c`).
 * @returns octets; 0 for a script without a kernel
 */
export function kernelLineLength(script: string): number {
  const lines = imageCommands(expand(script, placeholder), 'kernel').map(lineOf);
  return Math.max(0, ...lines.map((line) => Buffer.byteLength(line)));
}

/** What is wrong with a kernel line of so many octets, for the end of "the kernel line"; undefined for nothing. */
export function lineFault(length: number): string | undefined {
  if (length <= MAX_LINE) return undefined;
  return `has ${length} octets, ${length - MAX_LINE} too many: Linux takes up to ${MAX_LINE} (COMMAND_LINE_SIZE of x86 and arm64) and cuts off the rest`;
}
