/** The longest kernel line of x86 and arm64, octets (COMMAND_LINE_SIZE, 2,048, less the final NUL). */
export const MAX_LINE = 2047;

/** iPXE's options of `kernel` that take a value (its `usr/imgmgmt.c`, `hci/commands/image_cmd.c`). */
const WITH_VALUE = /^(?:-n|--name|-t|--timeout)$/;
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

/** A script with its settings expanded as far as they are known; the others stay as they are written. */
function expanded(script: string): string {
  const own = new Map<string, string>();
  for (const [, name = '', value = ''] of script.matchAll(/^[ \t]*set[ \t]+([\w.-]+)(?::\w+)?[ \t]+(.*)$/gm))
    own.set(name, value.trim());
  return script.replace(/\$\{([^${}]+)\}/g, (all, setting: string) => {
    const [path = '', type] = setting.split(':');
    const name = path.replace(/.*\//, '');
    const set = own.get(path);
    if (set !== undefined) return set;
    const width = type === 'hexraw' ? HEX_WIDTHS[name] : WIDTHS[name];
    return width === undefined ? all : 'x'.repeat(width);
  });
}

/** The kernel's line of one command `kernel`, from its words. */
function lineOf(words: readonly string[]): string {
  let name: string | undefined;
  let at = 0;
  for (; words[at]?.startsWith('-'); at++) {
    const option = words[at] ?? '';
    if (option.startsWith('--name=')) name = option.slice('--name='.length);
    if (!WITH_VALUE.test(option)) continue;
    at++;
    if (/^-n|^--name$/.test(option)) name = words[at];
  }
  const end = words.findIndex((word, i) => i >= at && (word.startsWith('#') || /^(?:\|\||&&|;)$/.test(word)));
  const [url = '', ...args] = words.slice(at, end === -1 ? undefined : end);
  return [name ?? url.replace(/[?#].*$/, '').replace(/.*\//, ''), ...args].join(' ');
}

/**
 * The longest line that a script gives the kernel: the arguments of iPXE's command `kernel`, and before them the image's
 * name, which Linux gets too where it is started as an EFI program (iPXE's `image/efi_image.c`).
 * @returns octets; 0 for a script without a kernel
 */
export function kernelLineLength(script: string): number {
  const lines = [...expanded(script).matchAll(/^[ \t]*kernel[ \t]+(.*)$/gm)];
  return Math.max(0, ...lines.map(([, rest = '']) => Buffer.byteLength(lineOf(rest.trim().split(/[ \t]+/)))));
}

/** What is wrong with a kernel line of so many octets, for the end of "the kernel line"; undefined for nothing. */
export function lineFault(length: number): string | undefined {
  if (length <= MAX_LINE) return undefined;
  return `has ${length} octets, ${length - MAX_LINE} too many: Linux takes up to ${MAX_LINE} (COMMAND_LINE_SIZE of x86 and arm64) and cuts off the rest`;
}
