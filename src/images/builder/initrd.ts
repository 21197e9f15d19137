import { copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BadImage, type OciImage } from '../oci/oci-image.ts';
import { type FlatImage, writeContent } from '../output/flat-image.ts';
import { dropImpossible } from '../output/format-limits.ts';
import { readInitrdModules } from '../output/initrd-modules.ts';
import type { FileTree } from '../rootfs/flatten.ts';
import type { Kernel } from '../rootfs/kernel.ts';
import { howToMakeBuilder, type OsRelease, readOsRelease } from '../rootfs/os-release.ts';
import { lookUp } from '../rootfs/tree.ts';
import type { BuildManifest } from '../store/manifest.ts';
import type { ImageSource } from '../store/source.ts';
import { type Bytes, printable } from '../tar/tar-entry.ts';
import type { Advance } from '../tools/progress.ts';
import type { Tools } from '../tools/tool-run.ts';
import { runDracut } from './dracut.ts';
import { type OpenOptions, openImage } from './open-image.ts';

/** Paths at which distributions have the initrd of a kernel: bootc, Debian, Fedora, openSUSE; Alpine and Arch by its flavour. */
function ownPlaces({ version, path }: Kernel): readonly Bytes[] {
  const flavour = path.startsWith('boot/') ? path.replace(/^boot\/[^-]*/, '') : `-${version}`;
  return [
    `usr/lib/modules/${version}/initramfs.img`,
    `usr/lib/modules/${version}/initrd`,
    `boot/initrd.img-${version}`,
    `boot/initramfs-${version}.img`,
    `boot/initrd-${version}`,
    `boot/initramfs${flavour}.img`,
    `boot/initramfs${flavour}`,
  ];
}

/** Takes the image's own initrd, where it has the modules. */
async function takeOwn(
  flat: FlatImage,
  kernel: Kernel,
  tools: Tools,
  scratch: string,
  target: string,
): Promise<boolean> {
  for (const place of ownPlaces(kernel)) {
    const inode = lookUp(flat.tree, place);
    if (inode?.type !== 'file') continue;
    const path = join(scratch, 'own-initrd');
    await writeContent(flat.layers, inode.content, path);
    if ((await readInitrdModules(tools, path)).modules.own) {
      await rename(path, target);
      return true;
    }
    await rm(path);
  }
  return false;
}

const PROGRAMS = ['usr/bin/dracut', 'usr/sbin/dracut'];
const hasDracut = ({ tree }: FileTree): boolean => PROGRAMS.some((path) => lookUp(tree, path)?.type === 'file');

const HOW_TO_INSTALL =
  'install dracut-core, dracut-network, curl, jq, zstd and xz-utils in it (Debian; Fedora: dracut, dracut-network, ' +
  'curl, jq, zstd, xz)';

/** @throws BadImage for a builder without dracut, or of another system than the image */
async function checkBuilder(flat: FlatImage, builder: FileTree): Promise<void> {
  if (!hasDracut(builder)) throw new BadImage(`the builder has no dracut either: ${HOW_TO_INSTALL}`);
  const [wanted, found] = [await readOsRelease(flat), await readOsRelease(builder)];
  if (wanted.id === found.id && wanted.version === found.version) return;
  const name = ({ id, version }: OsRelease) => printable(`${id} ${version}`.trim());
  throw new BadImage(`the builder is ${name(found)}, and the image ${name(wanted)}: they have to be the same`);
}

/** Settings of {@link makeInitrd}. */
export interface InitrdOptions extends OpenOptions {
  /** A ready initrd, to be taken as it is. */
  readonly initrd?: string | undefined;
  /** An image in whose root dracut runs, where the image itself has none. */
  readonly builder?: ImageSource | undefined;
}

/** The origin of an initrd. */
export interface InitrdOrigin {
  readonly from: BuildManifest['initrd']['from'];
  /** The image in whose root dracut ran, where that was another. */
  readonly builder?: OciImage;
}

/**
 * Writes the initrd: the one that was given, the image's own where it has the project's modules, or one that dracut
 * makes, in the image's own root, or where that has no dracut in the builder's.
 * @param scratch a folder for temporary files
 * @throws BadImage with what to do; ToolFailed, MissingTool
 */
export async function makeInitrd(
  flat: FlatImage,
  kernel: Kernel,
  target: string,
  scratch: string,
  options: InitrdOptions,
): Promise<InitrdOrigin> {
  const { initrd, builder: source, tools, progress } = options;
  if (initrd !== undefined) {
    await copyFile(initrd, target);
    return { from: 'given' };
  }
  const runIn = async (root: FileTree, kernelFrom: FileTree | undefined, advance: Advance): Promise<void> => {
    const { epoch } = flat;
    const output = await runDracut(root, kernelFrom, { tools, scratch, kernel, target, epoch, advance });
    if ((await readInitrdModules(tools, target)).modules.own) return;
    const end = output.split('\n').slice(-20).join('\n');
    throw new BadImage(`dracut made an initrd without the modules of Slipway:\n${end}`);
  };
  const origin = await progress.stage(
    'making the initrd',
    undefined,
    async (advance): Promise<InitrdOrigin | undefined> => {
      if (await takeOwn(flat, kernel, tools, scratch, target)) return { from: 'own' };
      if (!hasDracut(flat)) return undefined;
      await runIn(flat, undefined, advance);
      return { from: 'dracut' };
    },
  );
  if (origin) return origin;
  if (!source) {
    throw new BadImage(
      `the image has neither an initrd with the modules of Slipway nor dracut to make one: ${HOW_TO_INSTALL}, or give an ` +
        `initrd with --initrd, or ${howToMakeBuilder(await readOsRelease(flat))}`,
    );
  }
  const builder = await openImage(source, join(scratch, 'builder'), { ...options, arch: flat.image.architecture });
  try {
    dropImpossible(builder.tree);
    await checkBuilder(flat, builder);
    await progress.stage('making the initrd in the builder', undefined, (advance) => runIn(builder, flat, advance));
    return { from: 'dracut', builder: builder.image };
  } finally {
    await builder.close();
  }
}
