import { readFile as readHostFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadImage } from '../oci/oci-image.ts';
import type { FlatImage } from '../output/flat-image.ts';
import { readFile } from '../rootfs/flatten.ts';
import { type Directory, lookUp } from '../rootfs/tree.ts';
import type { Bytes } from '../tar/tar-entry.ts';
import { isSigned } from './pe.ts';

/** How UEFI programs of an architecture are named (UEFI specification 2.10, section 3.5.1.1). */
const SUFFIXES: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'aa64' };

/** No boot loader is larger, bytes. */
const MAX_SIZE = 64 * 1024 * 1024;

/** The programs between firmware and kernel. */
export type BootLoader = {
  /** Programs by their name in `EFI/BOOT`; one of them is `BOOTX64.EFI` or its like. */
  readonly programs: Readonly<Record<string, Buffer>>;
} & (
  | {
      readonly kind: 'shim and GRUB';
      /** The folder in which the signed GRUB looks for its configuration, below the root of its file system. */
      readonly prefix: string;
    }
  | { readonly kind: 'systemd-boot' }
);

/**
 * The ending of UEFI programs' names.
 * @throws BadImage for an architecture that is not known to have UEFI
 */
function suffixOf({ image: { architecture } }: FlatImage): string {
  const suffix = SUFFIXES[architecture];
  if (suffix === undefined) throw new BadImage(`no UEFI is known for ${architecture || 'this architecture'}`);
  return suffix;
}

/**
 * One of systemd's programs for UEFI, from the image or from this machine; only its path where neither has it.
 * @param name its name with `SUFFIX` for the architecture, such as `linuxSUFFIX.efi.stub`
 */
async function findSystemd(flat: FlatImage, name: string): Promise<{ readonly path: string; readonly bytes?: Buffer }> {
  const path = `usr/lib/systemd/boot/efi/${name.replace('SUFFIX', suffixOf(flat))}`;
  const own = await readFile(flat, path, MAX_SIZE);
  if (own) return { path, bytes: own };
  try {
    return { path, bytes: await readHostFile(join('/', path)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { path };
  }
}

/**
 * systemd's stub: the program that a unified kernel image begins with.
 * @throws BadImage with what to install
 */
export async function findStub(flat: FlatImage): Promise<Buffer> {
  const { path, bytes } = await findSystemd(flat, 'linuxSUFFIX.efi.stub');
  if (bytes) return bytes;
  throw new BadImage(
    `neither the image nor this machine has /${path}: install systemd-boot-efi (Debian) or systemd-boot-unsigned (Fedora)`,
  );
}

/** Folders with Fedora's signed programs: of its packages, of bootupd, and the mounted partition. */
const SIGNED_FOLDERS = ['usr/lib/efi', 'usr/lib/bootupd/updates/EFI', 'boot/efi/EFI'];

/** The first file of a name below a directory, in byte order. Links are not followed: they may lead anywhere. */
function findBelow(directory: Directory, path: Bytes, name: string): Bytes | undefined {
  for (const [child, { inode }] of [...directory.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (inode.type === 'file' && child === name) return `${path}/${child}`;
    const below = inode.type === 'directory' ? findBelow(inode, `${path}/${child}`, name) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}

/** A signed program of the image's distribution: at one of Debian's paths, or by its name in Fedora's folders. */
async function findSigned(flat: FlatImage, debian: readonly string[], name: string): Promise<Buffer | undefined> {
  const found = SIGNED_FOLDERS.flatMap((folder) => {
    const inode = lookUp(flat.tree, folder);
    return (inode?.type === 'directory' && findBelow(inode, folder, name)) || [];
  });
  for (const path of [...debian, ...found]) {
    const bytes = await readFile(flat, path, MAX_SIZE);
    if (bytes && isSigned(bytes)) return bytes;
  }
  return undefined;
}

/** The folder of a signed GRUB's configuration: a string in the program; `EFI/BOOT` where there is none. */
export function grubPrefix(grub: Buffer): string {
  return /\/(EFI\/[A-Za-z0-9._-]{1,32})\0/.exec(grub.toString('latin1'))?.[1] ?? 'EFI/BOOT';
}

/** shim and GRUB, where the image has both signed. */
async function findShim(flat: FlatImage): Promise<BootLoader | undefined> {
  const suffix = suffixOf(flat);
  const [shim, grub, keys] = [`shim${suffix}.efi`, `grub${suffix}.efi`, `mm${suffix}.efi`];
  const folder = `usr/lib/grub/${suffix === 'x64' ? 'x86_64' : 'arm64'}-efi-signed`;
  const first = await findSigned(flat, [`usr/lib/shim/${shim}.signed`, `usr/lib/shim/${shim}.signed.latest`], shim);
  const second = first && (await findSigned(flat, [`${folder}/${grub}.signed`], grub));
  if (!second) return undefined;
  const manager = await findSigned(flat, [`usr/lib/shim/${keys}.signed`, `usr/lib/shim/${keys}`], keys);
  const programs = { [bootName(suffix)]: first, [grub]: second, ...(manager && { [keys]: manager }) };
  return { kind: 'shim and GRUB', prefix: grubPrefix(second), programs };
}

/** The program that firmware starts from a removable medium (UEFI specification 2.10, section 3.5.1.1). */
function bootName(suffix: string): string {
  return `BOOT${suffix.toUpperCase()}.EFI`;
}

/**
 * The boot loader for an image: its distribution's signed shim and GRUB where its kernel is signed too, so that all of
 * them pass Secure Boot; else systemd-boot, of the image or of this machine.
 * @param kernel at least the beginning of the kernel's file
 * @throws BadImage with what to install
 */
export async function findBootLoader(flat: FlatImage, kernel: Buffer): Promise<BootLoader> {
  const signed = isSigned(kernel) ? await findShim(flat) : undefined;
  if (signed) return signed;
  const { path, bytes } = await findSystemd(flat, 'systemd-bootSUFFIX.efi');
  if (bytes) return { kind: 'systemd-boot', programs: { [bootName(suffixOf(flat))]: bytes } };
  const { architecture } = flat.image;
  const suffix = suffixOf(flat);
  throw new BadImage(
    `the image has no signed shim, GRUB and kernel, and neither it nor this machine has /${path}: install in the image ` +
      `shim-signed and grub-efi-${architecture}-signed (Debian; Fedora: shim-${suffix}, grub2-efi-${suffix}) beside a ` +
      'kernel of the distribution, or systemd-boot-efi (Debian; Fedora: systemd-boot-unsigned)',
  );
}
