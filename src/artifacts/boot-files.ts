import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bootFileName, parseBootFileName } from '../model/boot/boot-file.ts';
import type { RecordEvent } from '../model/event.ts';
import type { OpenResult } from '../model/files/open-file.ts';
import type { Firmware } from '../model/machine/arch.ts';
import { openInside } from './open-file.ts';

/** The folders of Debian's and Fedora's iPXE packages, in the order of the search. */
const PACKAGE_FOLDERS: readonly string[] = ['/usr/lib/ipxe', '/usr/share/ipxe'];

/** The folders in which iPXE binaries are looked for, in order. @param own the user's own, which comes first */
export const bootFileFolders = (own: string | undefined): readonly string[] =>
  own === undefined ? PACKAGE_FOLDERS : [own, ...PACKAGE_FOLDERS];

/** The names of an architecture in distributions' file names and in iPXE's build tree. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  'efi-x64': ['x86_64', 'amd64', 'x64'],
  'efi-ia32': ['i386', 'ia32'],
  'efi-arm32': ['arm32', 'arm'],
  'efi-arm64': ['arm64', 'aarch64'],
  'efi-riscv32': ['riscv32'],
  'efi-riscv64': ['riscv64'],
  'efi-riscv128': ['riscv128'],
  'efi-loong32': ['loong32'],
  'efi-loong64': ['loong64', 'loongarch64'],
};

/**
 * The names under which a boot file may lie in a folder, best first: its own; then Debian's (`ipxe-arm64.efi`),
 * Fedora's (`ipxe-snponly-x86_64.efi`, `arm64-efi/snponly.efi`) and those of iPXE's build tree
 * (`bin-arm64-efi/snponly.efi`). Only x64 may lie under the bare name of an EFI binary.
 */
export function candidates(name: string): readonly string[] {
  const parsed = parseBootFileName(name);
  if (!parsed) return [];
  if (parsed.binary === 'undionly.kpxe') return [name, 'bin/undionly.kpxe', 'bin-i386-pcbios/undionly.kpxe'];
  const { binary, firmware } = parsed;
  const stem = binary.replace('.efi', '');
  return [
    name,
    ...(SPELLINGS[firmware] ?? []).flatMap((arch) => [
      `${stem}-${arch}.efi`,
      ...(stem === 'snponly' ? [`ipxe-snponly-${arch}.efi`] : []),
      `${arch}/${binary}`,
      `${arch}-efi/${binary}`,
      `bin-${arch}-efi/${binary}`,
    ]),
  ];
}

/** Every name under which a boot file can be asked for. */
const NAMES: readonly string[] = [
  bootFileName('bios', 'snponly.efi'),
  ...(Object.keys(SPELLINGS) as Firmware[]).flatMap((firmware) => [
    bootFileName(firmware, 'snponly.efi'),
    bootFileName(firmware, 'ipxe.efi'),
  ]),
];

/** The iPXE binaries that there are. */
export interface BootFiles {
  /** True for a name of model/boot/boot-file.ts that had a file at the start. */
  has(name: string): boolean;
  /** The absolute path of the file that a name stands for. */
  where(name: string): string | undefined;
  /** Opens a binary, as the store opens a file, but behind links out of its folder too: Debian's lead to /boot. */
  open(name: string): Promise<OpenResult>;
}

/**
 * Looks for iPXE binaries in folders. Where an architecture has only one of `snponly.efi` and `ipxe.efi`, it stands in
 * for the other, and that is recorded: a machine that boots with the other build beats one that does not boot.
 * @param folders absolute, in order, as {@link bootFileFolders} has them; they need not exist
 */
export async function findBootFiles(folders: readonly string[], record: RecordEvent): Promise<BootFiles> {
  const found = new Map<string, string>();
  for (const name of NAMES) {
    const path = await firstFile(folders.flatMap((folder) => candidates(name).map((file) => join(folder, file))));
    if (path !== undefined) found.set(name, path);
  }
  const paths = new Map(found);
  for (const name of NAMES) {
    const path = found.get(otherBuild(name));
    if (found.has(name) || path === undefined) continue;
    paths.set(name, path);
    const message = `there is no ${name}: ${path} is served in its stead`;
    record({ event: 'bootfile.substitute', level: 'info', message, name, path });
  }
  return {
    has: (name) => paths.has(name),
    where: (name) => paths.get(name),
    open: async (name) => {
      const path = paths.get(name);
      if (path !== undefined) return await openInside('/', path);
      return { ok: false, reason: 'missing', why: 'no such iPXE binary on this server' };
    },
  };
}

function otherBuild(name: string): string {
  return name.endsWith('snponly.efi')
    ? name.replace('snponly.efi', 'ipxe.efi')
    : name.replace('ipxe.efi', 'snponly.efi');
}

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  return undefined;
}
