import type { Firmware } from '../machine/arch.ts';

/** The iPXE build for UEFI: `snponly.efi` uses the firmware's network driver, `ipxe.efi` brings its own. */
export type EfiBinary = 'snponly.efi' | 'ipxe.efi';

/** The folder of each firmware's binaries, as TFTP and HTTP name it; BIOS and x64 UEFI stand at the top. */
const FOLDERS: Readonly<Record<Firmware, string>> = {
  bios: '',
  'efi-x64': '',
  'efi-ia32': 'ia32/',
  'efi-arm32': 'arm32/',
  'efi-arm64': 'arm64/',
  'efi-riscv32': 'riscv32/',
  'efi-riscv64': 'riscv64/',
  'efi-riscv128': 'riscv128/',
  'efi-loong32': 'loong32/',
  'efi-loong64': 'loong64/',
};

/** The name under which TFTP (at its root) and HTTP (below `/boot/`) serve a firmware's iPXE: `arm64/snponly.efi`. */
export function bootFileName(firmware: Firmware, efi: EfiBinary): string {
  return FOLDERS[firmware] + (firmware === 'bios' ? 'undionly.kpxe' : efi);
}

/** The firmware and the binary's own name from a boot file's name; undefined for any other name. */
export function parseBootFileName(
  name: string,
): { firmware: Firmware; binary: EfiBinary | 'undionly.kpxe' } | undefined {
  for (const firmware of Object.keys(FOLDERS) as Firmware[]) {
    for (const efi of ['snponly.efi', 'ipxe.efi'] as const) {
      if (bootFileName(firmware, efi) === name)
        return { firmware, binary: firmware === 'bios' ? 'undionly.kpxe' : efi };
    }
  }
  return undefined;
}

/** Whether a name is `autoexec.ipxe`, the script that iPXE looks for beside its own binary. */
export function isAutoexec(name: string): boolean {
  const folder = name.slice(0, name.length - 'autoexec.ipxe'.length);
  return name.endsWith('autoexec.ipxe') && Object.values(FOLDERS).includes(folder);
}
