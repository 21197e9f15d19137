import { chmod, cp, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BadImage } from '../oci/oci-image.ts';
import { type FileTree, type FlattenOptions, writeTar } from '../rootfs/flatten.ts';
import type { Kernel } from '../rootfs/kernel.ts';
import { type Inode, lookUp } from '../rootfs/tree.ts';
import type { Attributes, Bytes } from '../tar/tar-entry.ts';
import { type Advance, counted } from '../tools/progress.ts';
import { ToolFailed, type Tools } from '../tools/tool-run.ts';

/** The project's dracut modules, beside src and dist alike. */
const MODULES = fileURLToPath(new URL('../../../dracut-modules', import.meta.url));

/** Attributes with which the caller owns a file, and can write to it and remove it. */
function ownedByMe(_: Bytes, { type, attributes }: Inode): Attributes {
  const mode = (attributes.mode & 0o777) | (type === 'directory' ? 0o700 : 0o600);
  return { ...attributes, mode, uid: 0, gid: 0, xattrs: new Map(), acls: new Map() };
}

/** The folder of the build's own files in the root. dracut notes its name in the initrd, so it is always the same. */
const OWN = '.slipway-build';

/** Folders that are mounted or made for dracut. The image's are left out: a link may stand in their place. */
const MADE_ANEW = new Set(['/proc', '/sys', '/dev', '/run', '/tmp', `/${OWN}`]);

/** Limits of dracut, bytes of output and seconds: it takes some minutes, and ten times that when emulated. */
const LIMITS = { seconds: 3600, maxOutput: 16 * 1024 * 1024 };

/** Runs in the root: puts in the modules, and maybe the kernel of version $2, from the folder $1, and starts dracut. */
const INSIDE_SCRIPT = `
own=$1 kernel=$2
shift 2
mkdir -p /var/tmp
cp -R "$own"/modules/* /usr/lib/dracut/modules.d/
if [ -d "$own/kernel" ]; then
    mkdir -p /lib/modules
    mv "$own/kernel/modules" "/lib/modules/$kernel"
    [ ! -d "$own/kernel/firmware" ] || mv "$own/kernel/firmware" /lib/firmware
    [ -e "/lib/modules/$kernel/modules.dep" ] || depmod "$kernel"
fi
exec dracut "$@"
`;

/** A message with what to do, where the system's has none. */
function explain(error: ToolFailed): Error {
  if (/Exec format error/.test(error.message)) {
    return new BadImage(
      "the image's programs do not run on this machine, so dracut cannot: install qemu-user-static, or give an initrd with --initrd",
      { cause: error },
    );
  }
  return error;
}

/** Folders of kernels, their modules and firmware: a builder's are left out, as its kernel is another one. */
const KERNEL_FOLDERS = ['/usr/lib/modules', '/lib/modules', '/usr/lib/firmware', '/lib/firmware', '/boot'];

/** Moves the initrd that the image's programs left, if it is a file and no link to another. */
async function takeInitrd(made: string, target: string): Promise<void> {
  const stats = await lstat(made).catch(() => undefined);
  if (!stats?.isFile() || stats.nlink !== 1) throw new BadImage("the image's dracut made no file of the initrd");
  await rename(made, target);
  await chmod(target, 0o644);
}

/** Settings of {@link runDracut}. */
export interface DracutOptions {
  readonly tools: Tools;
  /** A folder for temporary files. */
  readonly scratch: string;
  readonly kernel: Kernel;
  /** The initrd to write. */
  readonly target: string;
  /** Seconds since 1970. */
  readonly epoch: number;
  /** Counts bytes that are unpacked. */
  readonly advance: Advance;
}

/** Unpacks a tree, its devices left out, so that the caller owns all of it. */
async function unpack(
  files: FileTree,
  folder: string,
  { tools, advance }: DracutOptions,
  skip?: FlattenOptions['skip'],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const bytes = writeTar(files, {
    mapAttributes: ownedByMe,
    skip: (path, inode) => ['character', 'block', 'fifo'].includes(inode.type) || (skip?.(path, inode) ?? false),
  });
  const options = ['-p', '--no-same-owner', '--delay-directory-restore', '--warning=no-timestamp'];
  await tools.run('tar', ['-x', ...options, '-f', '-', '-C', folder], {
    input: counted(bytes, advance),
    sees: { writes: [folder] },
  });
}

/** Unpacks a folder of `/usr/lib`, or else of `/lib`, where the tree has it. */
async function unpackFolder(
  { layers, tree }: FileTree,
  path: Bytes,
  folder: string,
  options: DracutOptions,
): Promise<void> {
  const inode = lookUp(tree, `usr/lib/${path}`) ?? lookUp(tree, `lib/${path}`);
  if (inode?.type === 'directory') await unpack({ layers, tree: { root: inode } }, folder, options);
}

/**
 * Makes an initrd with the project's modules by the dracut of a root, in namespaces of its own.
 * @param root has dracut, and the kernel's modules unless they are taken from elsewhere
 * @param kernelFrom a tree whose kernel modules and firmware are taken instead of the root's own
 * @returns the output of dracut
 * @throws BadImage with what to do; ToolFailed, MissingTool
 */
export async function runDracut(
  root: FileTree,
  kernelFrom: FileTree | undefined,
  options: DracutOptions,
): Promise<string> {
  const { tools, scratch, kernel, target, epoch } = options;
  const folder = join(scratch, 'dracut-root');
  await unpack(root, folder, options, (path) => {
    return MADE_ANEW.has(path) || (kernelFrom !== undefined && KERNEL_FOLDERS.includes(path));
  });
  // Beside the root: no link of the image can stand on the way to the initrd.
  const own = join(scratch, 'dracut-own');
  await mkdir(own);
  if (kernelFrom) {
    await unpackFolder(kernelFrom, `modules/${kernel.version}`, join(own, 'kernel/modules'), options);
    await unpackFolder(kernelFrom, 'firmware', join(own, 'kernel/firmware'), options);
  }
  for (const name of await readdir(MODULES)) {
    if (/^\d/.test(name)) await cp(join(MODULES, name), join(own, 'modules', name), { recursive: true });
  }
  const compressor = lookUp(root.tree, 'usr/bin/zstd') ? '--zstd' : '--gzip';
  const args = [
    ...['--force', '--no-hostonly', '--no-hostonly-cmdline', '--no-early-microcode', '--reproducible', compressor],
    ...['--add', 'slipway', '--kver', kernel.version, `/${OWN}/initrd.img`],
  ];
  try {
    const output = await tools.run('sh', ['-e', '-c', INSIDE_SCRIPT, 'sh', `/${OWN}`, kernel.version, ...args], {
      sees: { root: folder, shared: [own, `/${OWN}`] },
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C', SOURCE_DATE_EPOCH: String(epoch) },
      ...LIMITS,
    });
    await takeInitrd(join(own, 'initrd.img'), target);
    await Promise.all([folder, own].map((each) => rm(each, { recursive: true, force: true })));
    return output;
  } catch (error) {
    throw error instanceof ToolFailed ? explain(error) : error;
  }
}
