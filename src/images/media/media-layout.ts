import { lengthOf, type Segment, totalLength } from '../../model/files/segment.ts';
import { BadImage } from '../oci/oci-image.ts';
import { cpioFrame } from '../output/cpio.ts';
import type { BootLoader } from './boot-loader.ts';

/** A file of an EFI system partition. */
export interface MediaFile {
  /** With `/` between; no leading one. */
  readonly path: string;
  readonly segments: readonly Segment<string>[];
}

/** The parts of an image that every medium holds. */
export interface BootParts {
  readonly kernel: Segment<string>;
  readonly initrd: Segment<string>;
  /** The OCI archive. */
  readonly archive: readonly Segment<string>[];
  /** Kernel arguments beside `root=`. */
  readonly append: string;
}

/** The path of the OCI archive in its initrd, which `root=` names. */
const ROOT = 'root.oci';

/** All kernel arguments of a medium that brings its root in an initrd. */
export function mediaArguments(append: string): string {
  return `root=bootc-live:/${ROOT} ${append}`.trim();
}

/** An initrd that holds the OCI archive. */
export function rootInitrd(archive: readonly Segment<string>[]): readonly Segment<string>[] {
  const { before, after } = cpioFrame(ROOT, totalLength(archive));
  return [{ bytes: before }, ...archive, { bytes: after }];
}

/** An initrd that another can follow: archives in an initrd begin at multiples of four. */
export function aligned(initrd: Segment<string>): readonly Segment<string>[] {
  return [initrd, { bytes: Buffer.alloc((4 - (lengthOf(initrd) % 4)) % 4) }];
}

/** The largest file in FAT, bytes. */
const MAX_FILE = 0xffff_ffff;

/** @throws BadImage for kernel arguments that a boot loader would change */
export function checkArguments(append: string): void {
  // Boot loaders differ in how these are escaped in their configuration.
  if (/[^\x20-\x7e]|['"\\]/.test(append)) {
    throw new BadImage(
      `--append ${JSON.stringify(append)}: boot loaders take no quotes, backslashes or control characters`,
    );
  }
}

/**
 * @param archive bytes of the OCI archive
 * @throws BadImage where it does not fit on a medium
 */
export function checkRootSize(archive: number): void {
  const { before, after } = cpioFrame(ROOT, archive);
  if (before.length + archive + after.length > MAX_FILE) {
    throw new BadImage(
      `the image's layers have ${(archive / 2 ** 30).toFixed(2)} GiB, compressed as they are, and a file in FAT holds ` +
        'less than 4 GiB: make the image smaller, or compress its layers by zstd',
    );
  }
}

const FOLDER = 'slipway';
const KERNEL = `/${FOLDER}/vmlinuz`;
const INITRDS = [`/${FOLDER}/initrd.img`, `/${FOLDER}/root.img`];

/** Time that a menu waits for a key, seconds. */
const TIMEOUT = 3;

function grubConfig(name: string, append: string): string {
  // In single quotes no character is special (GRUB manual, "Quoting").
  const words = mediaArguments(append)
    .split(/ +/)
    .map((word) => `'${word}'`);
  return [
    `set timeout=${TIMEOUT}`,
    `menuentry '${name}' {`,
    `    linux ${KERNEL} ${words.join(' ')}`,
    `    initrd ${INITRDS.join(' ')}`,
    '}\n',
  ].join('\n');
}

/** A boot loader's configuration, by https://uapi-group.org/specifications/specs/boot_loader_specification/. */
function entryConfig(name: string, append: string): string {
  return [
    `title ${name}`,
    `linux ${KERNEL}`,
    ...INITRDS.map((path) => `initrd ${path}`),
    `options ${mediaArguments(append)}\n`,
  ].join('\n');
}

function configuration(loader: BootLoader, name: string, append: string): Readonly<Record<string, string>> {
  if (loader.kind === 'systemd-boot') {
    return {
      'loader/loader.conf': `timeout ${TIMEOUT}\n`,
      'loader/entries/slipway.conf': entryConfig(name, append),
    };
  }
  const text = grubConfig(name, append);
  // Debian's GRUB looks in its own folder only, Fedora's beside itself.
  return { 'EFI/BOOT/grub.cfg': text, [`${loader.prefix}/grub.cfg`]: text };
}

/**
 * All files of an EFI system partition from which any UEFI boots the image, at the paths of removable media. In byte
 * order.
 * @param name the menu's entry, from {@link isBuildName}
 */
export function layOutMedia(
  name: string,
  loader: BootLoader,
  { kernel, initrd, archive, append }: BootParts,
): readonly MediaFile[] {
  const small = {
    ...Object.fromEntries(Object.entries(loader.programs).map(([name, bytes]) => [`EFI/BOOT/${name}`, bytes])),
    ...Object.fromEntries(
      Object.entries(configuration(loader, name, append)).map(([path, text]) => [path, Buffer.from(text)]),
    ),
  };
  return [
    ...Object.entries(small).map(([path, bytes]) => ({ path, segments: [{ bytes }] })),
    { path: `${FOLDER}/vmlinuz`, segments: [kernel] },
    { path: `${FOLDER}/initrd.img`, segments: aligned(initrd) },
    { path: `${FOLDER}/root.img`, segments: rootInitrd(archive) },
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** All folders of the files, each after its parent. */
export function foldersOf(files: readonly MediaFile[]): readonly string[] {
  const folders = files.flatMap(({ path }) => {
    const steps = path.split('/').slice(0, -1);
    return steps.map((_, i) => steps.slice(0, i + 1).join('/'));
  });
  return [...new Set(folders)].sort();
}
