import { resolve } from 'node:path';
import { type ImageSource, parseSource, SOURCE_EXPECTED } from '../../images/store/source.ts';
import { isBuildName } from '../../model/boot/build.ts';
import { ROOT_KINDS, type RootKind } from '../../model/boot/root-kind.ts';

/** @throws Error with the sources that there are */
export function readSource(text: string): ImageSource {
  const source = parseSource(text);
  if (!source) throw new Error(`${JSON.stringify(text)} is no source of images; expected ${SOURCE_EXPECTED}`);
  return source;
}

function readName(text: string): string {
  if (isBuildName(text)) return text;
  throw new Error(`--name ${JSON.stringify(text)}: expected letters, digits, ".", "_" and "-", up to 63`);
}

function readRoots(text: string): readonly RootKind[] {
  const words = text.split(',').map((word) => word.trim());
  const unknown = words.find((word) => !(ROOT_KINDS as readonly string[]).includes(word));
  if (unknown === undefined) return ROOT_KINDS.filter((kind) => words.includes(kind));
  throw new Error(`--root ${JSON.stringify(unknown)}: expected some of ${ROOT_KINDS.join(',')}`);
}

const asText = (text: string): string => text;

/**
 * The flags of `slipway image build` by name: value, help, and the reader of the value. What a reader returns is the
 * option of that name of `buildImage`.
 */
export const BUILD_FLAGS = {
  name: ['<name>', 'what the image is called in the configuration', readName],
  root: ['<kinds>', 'some of squashfs,erofs,tar.zst,oci (default: what machines boot of it, or else oci)', readRoots],
  arch: ['<name>', 'the architecture, such as amd64, arm64 or arm/v7 (default: that of this machine)', asText],
  kernel: ['<version>', 'which of several kernels (default: the newest)', asText],
  initrd: ['<file>', 'take this initrd instead of making one', asText],
  builder: ['<source>', 'an image of the same distribution that has dracut, where the image has none', readSource],
  uki: ['<file>', 'write one file too that UEFI boots alone: stub, kernel, initrd, root and arguments', resolve],
  esp: ['<folder>', 'write an EFI system partition too, for a USB drive: boot loader, kernel, initrd, root', resolve],
  disk: ['<file>', 'write a disk image too, with that EFI system partition', resolve],
  append: ['<args>', 'kernel arguments for --uki, --esp and --disk', asText],
  insecure: ['', 'accept plain HTTP and unknown certificates from the registry', () => true],
} as const satisfies Record<string, readonly [value: string, help: string, read: (text: string) => unknown]>;

/** Values of the flags that were given; only the name is always there. */
export type BuildFlags = {
  readonly [F in keyof typeof BUILD_FLAGS]?: ReturnType<(typeof BUILD_FLAGS)[F][2]>;
} & { readonly name: string };
