import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { contentBytes } from './flatten.ts';
import { openSource } from './layer-files.ts';
import { BadImage } from './oci-image.ts';
import type { Flat } from './output-files.ts';
import { lookUp } from './tree.ts';
import { cpioFrame, layOutUki } from './uki-layout.ts';

/** systemd's stub for each architecture, as the image or this machine has it. */
const STUBS: Readonly<Record<string, string>> = {
  amd64: 'usr/lib/systemd/boot/efi/linuxx64.efi.stub',
  arm64: 'usr/lib/systemd/boot/efi/linuxaa64.efi.stub',
};

/** What a unified kernel image is made of. */
export interface UkiOptions {
  /** The file to write; replaced in one step. */
  readonly path: string;
  /** Files of the build: the kernel, the initrd, and the OCI archive. */
  readonly kernel: string;
  readonly initrd: string;
  readonly archive: string;
  /** Kernel arguments beside `root=`. */
  readonly args: string;
}

async function findStub({ image, tree, layers }: Flat): Promise<Buffer> {
  const path = STUBS[image.architecture];
  if (path === undefined) throw new BadImage(`there is no UEFI stub for ${image.architecture || 'this architecture'}`);
  const inode = lookUp(tree, path);
  if (inode?.type === 'file') {
    const pieces: Uint8Array[] = [];
    for await (const piece of contentBytes(layers, inode.content)) pieces.push(piece);
    return Buffer.concat(pieces);
  }
  try {
    return await readFile(join('/', path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new BadImage(
      `neither the image nor this machine has /${path}: install systemd-boot-efi (Debian) or systemd-boot-unsigned (Fedora)`,
    );
  }
}

async function osRelease({ tree, layers }: Flat): Promise<Buffer> {
  for (const path of ['etc/os-release', 'usr/lib/os-release']) {
    const inode = lookUp(tree, path);
    if (inode?.type !== 'file' || inode.content.size > 65_536) continue;
    const pieces: Uint8Array[] = [];
    for await (const piece of contentBytes(layers, inode.content)) pieces.push(piece);
    return Buffer.concat(pieces);
  }
  return Buffer.from('ID=linux\n');
}

async function append(target: FileHandle, path: string): Promise<void> {
  const source = await openSource(path);
  try {
    for (let position = 0; position < source.size; ) {
      const bytes = await source.read(position, 1024 * 1024);
      await target.appendFile(bytes);
      position += bytes.length;
    }
  } finally {
    await source.close();
  }
}

/**
 * Writes one file that UEFI boots alone, by HTTP or from a stick: systemd's stub with kernel, initrd, root and
 * arguments in it (https://uapi-group.org/specifications/specs/unified_kernel_image/). The root travels in the initrd.
 * @throws BadImage with what to do; the operating system's error
 */
export async function writeUki(flat: Flat, { path, kernel, initrd, archive, args }: UkiOptions): Promise<void> {
  const stub = await findStub(flat);
  const texts = [await osRelease(flat), Buffer.from(`root=bootc-live:/root.oci ${args}`.trim())] as const;
  const [kernelSize, initrdSize, archiveSize] = await Promise.all(
    [kernel, initrd, archive].map(async (file) => (await stat(file)).size),
  );
  const frame = cpioFrame('root.oci', archiveSize ?? 0);
  // Archives in an initrd begin at multiples of four.
  const gap = Buffer.alloc((4 - ((initrdSize ?? 0) % 4)) % 4);
  const both = (initrdSize ?? 0) + gap.length + frame.before.length + (archiveSize ?? 0) + frame.after.length;
  const { head, padding } = layOutUki(stub, [
    { name: '.osrel', size: texts[0].length },
    { name: '.cmdline', size: texts[1].length },
    { name: '.linux', size: kernelSize ?? 0 },
    { name: '.initrd', size: both },
  ]);
  const temporary = join(dirname(path), `.${randomBytes(6).toString('hex')}.uki.new`);
  const target = await open(temporary, 'wx', 0o644);
  try {
    const zeros = (index: number) => target.appendFile(Buffer.alloc(padding[index] ?? 0));
    await target.appendFile(head);
    for (const [i, text] of texts.entries()) {
      await target.appendFile(text);
      await zeros(i);
    }
    await append(target, kernel);
    await zeros(2);
    await append(target, initrd);
    await target.appendFile(Buffer.concat([gap, frame.before]));
    await append(target, archive);
    await target.appendFile(frame.after);
    await zeros(3);
    await target.sync();
    await target.close();
    await rename(temporary, path);
  } finally {
    await target.close().catch(() => {});
    await rm(temporary, { force: true });
  }
}
