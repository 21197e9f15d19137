import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffered } from '../../model/files/random-access.ts';
import { BadImage, type OciImage } from '../oci/oci-image.ts';
import { scanCpio } from '../output/cpio.ts';
import { type Flat, writeContent } from '../output/output-files.ts';
import type { FileTree } from '../rootfs/flatten.ts';
import type { Kernel } from '../rootfs/kernel.ts';
import { howToMakeBuilder, type OsRelease, readOsRelease } from '../rootfs/os-release.ts';
import { lookUp } from '../rootfs/tree.ts';
import { type Bytes, printable } from '../tar/tar-entry.ts';
import { detectCompression } from '../tools/compression.ts';
import { openPlain, readPart } from '../tools/layer-files.ts';
import { ToolFailed, type Tools } from '../tools/tool-run.ts';
import { runDracut } from './dracut.ts';

/** A file that every initrd with the project's modules has, `lib` being a link to `usr/lib` or not. */
const MARK = 'lib/slipway/slipway-lib.sh';

/** Where distributions put the initrd of a kernel: bootc, Debian, Fedora, openSUSE; Alpine and Arch by its flavour. */
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

/** Looks for the mark in a file's uncompressed archives; `rest` is where something compressed follows. */
async function findMark(path: string): Promise<{ readonly found: boolean; readonly rest: number | undefined }> {
  const source = await openPlain(path);
  try {
    const { names, rest } = await scanCpio(buffered(source));
    return { found: [...names].some((name) => name.endsWith(MARK)), rest };
  } finally {
    await source.close();
  }
}

/** Whether an initrd has the project's modules. Archives stand one after the other, the last of them compressed. */
export async function hasModules(tools: Tools, path: string, scratch: string): Promise<boolean> {
  const { found, rest } = await findMark(path);
  if (found || rest === undefined) return found;
  const how = detectCompression(await readPart(path, rest, 8));
  if (how === 'none') return false;
  const plain = join(scratch, 'initrd.cpio');
  const target = await open(plain, 'w');
  try {
    await tools.run(how, ['-d', '-c', '-q'], {
      input: createReadStream(path, { start: rest }),
      output: target.fd,
      sees: {},
    });
    return (await findMark(plain)).found;
  } catch (error) {
    if (error instanceof ToolFailed) return false;
    throw error;
  } finally {
    await target.close();
    await rm(plain, { force: true });
  }
}

/** Takes the image's own initrd, where it has the modules. */
async function takeOwn(flat: Flat, kernel: Kernel, tools: Tools, scratch: string, target: string): Promise<boolean> {
  for (const place of ownPlaces(kernel)) {
    const inode = lookUp(flat.tree, place);
    if (inode?.type !== 'file') continue;
    const path = join(scratch, 'own-initrd');
    await writeContent(flat.layers, inode.content, path);
    if (await hasModules(tools, path, scratch)) {
      await rename(path, target);
      return true;
    }
    await rm(path);
  }
  return false;
}

/** An image whose root dracut can run in, in the place of one that has none. */
export interface BuilderImage extends FileTree {
  readonly image: OciImage;
}

/** What {@link makeInitrd} needs. */
export interface InitrdOptions {
  readonly tools: Tools;
  readonly scratch: string;
  /** The file to write. */
  readonly target: string;
  /** Brings the builder here, where one was named. */
  readonly builder: (() => Promise<BuilderImage>) | undefined;
  /** Told of bytes that are unpacked for dracut. */
  readonly progress: (bytes: number) => void;
}

/** Where an initrd came from. */
export interface InitrdOrigin {
  readonly from: 'own' | 'dracut';
  /** The image in whose root dracut ran, where that was another. */
  readonly builder?: OciImage;
}

const PROGRAMS = ['usr/bin/dracut', 'usr/sbin/dracut'];
const hasDracut = ({ tree }: FileTree): boolean => PROGRAMS.some((path) => lookUp(tree, path)?.type === 'file');

/** Checks that what the builder's dracut takes from its own root goes with what the image's root has. */
async function checkBuilder(flat: Flat, builder: BuilderImage): Promise<void> {
  if (!hasDracut(builder)) throw new BadImage(`the builder has no dracut either: ${HOW_TO_INSTALL}`);
  const [wanted, found] = [await readOsRelease(flat), await readOsRelease(builder)];
  if (wanted.id === found.id && wanted.version === found.version) return;
  const name = ({ id, version }: OsRelease) => printable(`${id} ${version}`.trim());
  throw new BadImage(`the builder is ${name(found)}, and the image ${name(wanted)}: they have to be the same`);
}

/**
 * Writes the initrd: the image's own where it has the project's modules, else one that dracut makes, in the image's own
 * root, or where that has no dracut in the builder's.
 * @throws BadImage with what to do; ToolFailed, MissingTool
 */
export async function makeInitrd(flat: Flat, kernel: Kernel, options: InitrdOptions): Promise<InitrdOrigin> {
  const { tools, scratch, target } = options;
  if (await takeOwn(flat, kernel, tools, scratch, target)) return { from: 'own' };
  const own = hasDracut(flat);
  if (!own && !options.builder) throw await lacksDracut(flat);
  const builder = own ? undefined : await options.builder?.();
  if (builder) await checkBuilder(flat, builder);
  const said = await runDracut(builder ?? flat, builder && flat, { ...options, kernel, epoch: flat.epoch });
  if (!(await hasModules(tools, target, scratch))) {
    const words = said.split('\n').slice(-20).join('\n');
    throw new BadImage(`dracut made an initrd without the modules of Slipway:\n${words}`);
  }
  return { from: 'dracut', ...(builder && { builder: builder.image }) };
}

const HOW_TO_INSTALL =
  'install dracut-core, dracut-network, curl, jq, zstd and xz-utils in it (Debian; Fedora: dracut, dracut-network, ' +
  'curl, jq, zstd, xz)';

async function lacksDracut(flat: Flat): Promise<BadImage> {
  return new BadImage(
    `the image has neither an initrd with the modules of Slipway nor dracut to make one: ${HOW_TO_INSTALL}, or give an ` +
      `initrd with --initrd, or ${howToMakeBuilder(await readOsRelease(flat))}`,
  );
}
