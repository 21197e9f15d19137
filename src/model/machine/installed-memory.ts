/** The memory that a machine says it has. */
export interface InstalledMemory {
  /** MiB. */
  readonly mib: number;
  /** Whether it may have more than that. */
  readonly least: boolean;
}

/** Memory modules that the script names at most. */
const MOST = 8;
/** Sizes with a meaning of their own: unknown, and too big for the field (SMBIOS 3.7 section 7.18.5). */
const UNKNOWN = 0xffff;
const EXTENDED = 0x7fff;
/** Set where the size is in KiB. */
const IN_KIB = 0x8000;

/** The size of a memory module, with whether it may be more. @param hex the two bytes of the field, little-endian */
function moduleSize(hex: string): InstalledMemory {
  const size = Number.parseInt(hex.slice(2) + hex.slice(0, 2), 16);
  if (size === UNKNOWN) return { mib: 0, least: true };
  if (size === EXTENDED) return { mib: EXTENDED, least: true };
  return { mib: size & IN_KIB ? (size & EXTENDED) / 1024 : size, least: false };
}

/**
 * Reads what iPXE knows of a machine's memory.
 * @param memsize iPXE's setting of that name, MiB; empty in most builds (`MEMMAP_SETTINGS`)
 * @param modules the sizes of its first memory modules (SMBIOS type 17, offset 12) in hex digits, with points between
 * @returns undefined where it knows nothing
 */
export function readInstalledMemory(memsize: string, modules: string): InstalledMemory | undefined {
  if (/^[1-9]\d{0,8}$/.test(memsize)) return { mib: Number(memsize), least: false };
  const fields = modules.split('.', MOST + 1);
  const sizes = fields.filter((field) => /^[0-9a-f]{4}$/i.test(field)).map(moduleSize);
  const mib = Math.floor(sizes.reduce((sum, each) => sum + each.mib, 0));
  if (mib === 0) return undefined;
  return { mib, least: sizes.length >= MOST || sizes.some(({ least }) => least) };
}
