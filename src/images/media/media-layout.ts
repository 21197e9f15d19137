import { lengthOf, type Segment, totalLength } from '../../model/files/segment.ts';
import { BadImage } from '../oci/oci-image.ts';
import { cpioFrame } from '../output/cpio.ts';
import type { BootLoader } from './boot-loader.ts';

/** A file of a medium. */
export interface MediaFile {
  /** With `/` between; no leading one. */
  readonly path: string;
  readonly segments: readonly Segment<string>[];
}

/** What a medium is made of. */
export interface MediaParts {
  /** What a menu calls it, from {@link isBuildName}. */
  readonly name: string;
  readonly loader: BootLoader;
  readonly kernel: Segment<string>;
  readonly initrd: Segment<string>;
  /** The OCI archive. */
  readonly archive: readonly Segment<string>[];
  /** Kernel arguments beside `root=`. */
  readonly args: string;
}

/** Where an initrd has the OCI archive, as `root=` names it. */
const ROOT = 'root.oci';

/** All kernel arguments of a medium that brings its root in an initrd. */
export function mediaArguments(args: string): string {
  return `root=bootc-live:/${ROOT} ${args}`.trim();
}

/** An initrd that holds the OCI archive. */
export function rootInitrd(archive: readonly Segment<string>[]): readonly Segment<string>[] {
  const { before, after } = cpioFrame(ROOT, totalLength(archive));
  return [{ bytes: before }, ...archive, { bytes: after }];
}

/** An initrd filled up so that another can follow it: archives in an initrd begin at multiples of four. */
export function aligned(initrd: Segment<string>): readonly Segment<string>[] {
  return [initrd, { bytes: Buffer.alloc((4 - (lengthOf(initrd) % 4)) % 4) }];
}

/** The largest file in FAT, bytes. */
const MOST = 0xffff_ffff;

/** @throws BadImage for kernel arguments that boot loaders would not hand on as they are */
export function checkArguments(args: string): void {
  // In configurations of boot loaders these mean something, and they take no backslash in front of them alike.
  if (/[^\x20-\x7e]|['"\\]/.test(args)) {
    throw new BadImage(
      `--append ${JSON.stringify(args)}: boot loaders take no quotes, backslashes or control characters`,
    );
  }
}

/**
 * @param archive bytes of the OCI archive
 * @throws BadImage where it does not fit on a medium
 */
export function checkRootSize(archive: number): void {
  const { before, after } = cpioFrame(ROOT, archive);
  if (before.length + archive + after.length > MOST) {
    throw new BadImage(
      `the image's layers have ${(archive / 2 ** 30).toFixed(2)} GiB, compressed as they are, and a file in FAT holds ` +
        'less than 4 GiB: make the image smaller, or compress its layers by zstd',
    );
  }
}

const FOLDER = 'slipway';
const KERNEL = `/${FOLDER}/vmlinuz`;
const INITRDS = [`/${FOLDER}/initrd.img`, `/${FOLDER}/root.img`];

/** How long a menu waits for somebody, seconds. */
const PATIENCE = 3;

function grubConfig(name: string, args: string): string {
  // In single quotes nothing means anything (GRUB manual, "Quoting").
  const words = mediaArguments(args)
    .split(/ +/)
    .map((word) => `'${word}'`);
  return [
    `set timeout=${PATIENCE}`,
    `menuentry '${name}' {`,
    `    linux ${KERNEL} ${words.join(' ')}`,
    `    initrd ${INITRDS.join(' ')}`,
    '}\n',
  ].join('\n');
}

/** A boot loader's configuration, by https://uapi-group.org/specifications/specs/boot_loader_specification/. */
function entry(name: string, args: string): string {
  return [
    `title ${name}`,
    `linux ${KERNEL}`,
    ...INITRDS.map((path) => `initrd ${path}`),
    `options ${mediaArguments(args)}\n`,
  ].join('\n');
}

function configuration({ loader, name, args }: MediaParts): Readonly<Record<string, string>> {
  if (loader.kind === 'systemd-boot') {
    return {
      'loader/loader.conf': `timeout ${PATIENCE}\n`,
      'loader/entries/slipway.conf': entry(name, args),
    };
  }
  const text = grubConfig(name, args);
  // Debian's looks in its own folder only, Fedora's beside itself.
  return { 'EFI/BOOT/grub.cfg': text, [`${loader.prefix}/grub.cfg`]: text };
}

/**
 * All files of an EFI system partition from which any UEFI boots the image, by the path that firmware looks at on
 * media that it does not know. In byte order.
 */
export function layOutMedia(parts: MediaParts): readonly MediaFile[] {
  const { loader, kernel, initrd, archive } = parts;
  const small = {
    ...Object.fromEntries(Object.entries(loader.programs).map(([name, bytes]) => [`EFI/BOOT/${name}`, bytes])),
    ...Object.fromEntries(Object.entries(configuration(parts)).map(([path, text]) => [path, Buffer.from(text)])),
  };
  return [
    ...Object.entries(small).map(([path, bytes]) => ({ path, segments: [{ bytes }] })),
    { path: `${FOLDER}/vmlinuz`, segments: [kernel] },
    { path: `${FOLDER}/initrd.img`, segments: aligned(initrd) },
    { path: `${FOLDER}/root.img`, segments: rootInitrd(archive) },
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The folders that files need, each after the one that it is in. */
export function foldersOf(files: readonly MediaFile[]): readonly string[] {
  const folders = files.flatMap(({ path }) => {
    const steps = path.split('/').slice(0, -1);
    return steps.map((_, i) => steps.slice(0, i + 1).join('/'));
  });
  return [...new Set(folders)].sort();
}
