import { chmod, cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FileTree, type FlattenOptions, writeTar } from './flatten.ts';
import type { Kernel } from './kernel.ts';
import { BadImage } from './oci-image.ts';
import type { Attributes, Bytes } from './tar-entry.ts';
import { ToolFailed, type Tools } from './tool-run.ts';
import { type Inode, lookUp } from './tree.ts';

/** The project's dracut modules, beside src and dist alike. */
const MODULES = fileURLToPath(new URL('../../dracut-modules', import.meta.url));

/** Everything belongs to whoever unpacks it, and can be written to and removed by them. */
function ownedByMe(_: Bytes, { type, attributes }: Inode): Attributes {
  const mode = (attributes.mode & 0o777) | (type === 'directory' ? 0o700 : 0o600);
  return { ...attributes, mode, uid: 0, gid: 0, xattrs: new Map(), acls: new Map() };
}

/** The folder that the build has to itself. dracut notes its name in the initrd, so it is always the same. */
const OWN = '.slipway-build';

/** What is not taken out of the image for dracut: it is mounted or made anew, and no link may stand in its place. */
const MADE_ANEW = new Set(['/proc', '/sys', '/dev', '/run', '/tmp', `/${OWN}`]);

/**
 * Runs dracut inside the tree $1, for kernel $2, with the modules and the initrd in its folder $3, the rest being
 * dracut's arguments. In namespaces of its own: nothing that it mounts is seen outside, and there is no network. Before
 * the chroot, nothing is touched that the image could have made a link.
 */
const DRACUT_SCRIPT = `
set -e
root=$1 kernel=$2 own=$3
shift 3
mount --bind "$root" "$root"
mkdir "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/tmp"
mount -t proc proc "$root/proc" 2> /dev/null || mount --rbind /proc "$root/proc"
mount -t sysfs sysfs "$root/sys" 2> /dev/null || mount --rbind /sys "$root/sys"
# Not world-writable: in such a directory, opening the devices of others is refused (fs.protected_regular).
mount -t tmpfs -o mode=0755 dev "$root/dev"
mount -t tmpfs -o mode=0755 run "$root/run"
for node in null zero full random urandom tty; do
    : > "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \\
    SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" \\
    sh -e -c "$INSIDE" sh "$own" "$kernel" "$@" --kver "$kernel" "$own/initrd.img"
`;

/** What runs in the tree: puts in what is in the folder $1, a kernel of version $2 among it, and starts dracut. */
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

/** What went wrong, told by what the system said of namespaces. */
function explain(error: ToolFailed): Error {
  const { message } = error;
  if (/^unshare: /m.test(message)) {
    return new BadImage(
      `dracut needs an unprivileged user namespace, which this machine refuses (${message}): allow it with ` +
        '"sysctl kernel.unprivileged_userns_clone=1" (Debian), "sysctl kernel.apparmor_restrict_unprivileged_userns=0" ' +
        '(Ubuntu) or "sysctl user.max_user_namespaces=10000", or give an initrd with --initrd',
      { cause: error },
    );
  }
  if (/Exec format error/.test(message)) {
    return new BadImage(
      "the image's programs do not run on this machine, so dracut cannot: install qemu-user-static, or give an initrd with --initrd",
      { cause: error },
    );
  }
  return error;
}

/** What a kernel has beside itself, by where it lies: not taken from a builder, whose kernel is another. */
const KERNEL_FOLDERS = ['/usr/lib/modules', '/lib/modules', '/usr/lib/firmware', '/lib/firmware', '/boot'];

/** What {@link runDracut} needs. */
export interface DracutOptions {
  readonly tools: Tools;
  readonly scratch: string;
  readonly kernel: Kernel;
  /** The initrd to write. */
  readonly target: string;
  /** Seconds since 1970. */
  readonly epoch: number;
  /** Told of bytes that are unpacked. */
  readonly progress: (bytes: number) => void;
}

/** Unpacks a tree, all of it the caller's own. */
async function unpack(
  { layers, tree }: FileTree,
  folder: string,
  { tools, progress }: DracutOptions,
  skip?: FlattenOptions['skip'],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const bytes = writeTar(layers, tree, {
    adorn: ownedByMe,
    skip: (path, inode) => ['character', 'block', 'fifo'].includes(inode.type) || (skip?.(path, inode) ?? false),
  });
  const counted = async function* () {
    for await (const chunk of bytes) {
      yield chunk;
      progress(chunk.length);
    }
  };
  const options = ['-p', '--no-same-owner', '--delay-directory-restore', '--warning=no-timestamp'];
  await tools.run('tar', ['-x', ...options, '-f', '-', '-C', folder], { input: counted() });
}

/** Unpacks a folder of `/usr/lib` or `/lib`, which may be one or two, where the tree has it. */
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
 * @param kernelFrom what has the kernel's modules and firmware in the place of the root's own
 * @returns what dracut said
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
  const own = join(folder, OWN);
  await mkdir(own);
  if (kernelFrom) {
    await unpackFolder(kernelFrom, `modules/${kernel.version}`, join(own, 'kernel/modules'), options);
    await unpackFolder(kernelFrom, 'firmware', join(own, 'kernel/firmware'), options);
  }
  for (const name of await readdir(MODULES)) {
    if (/^\d/.test(name)) await cp(join(MODULES, name), join(own, 'modules', name), { recursive: true });
  }
  const compressor = lookUp(root.tree, 'usr/bin/zstd') ? '--zstd' : '--gzip';
  const made = join(own, 'initrd.img');
  const args = [
    ...['--force', '--no-hostonly', '--no-hostonly-cmdline', '--no-early-microcode', '--reproducible', compressor],
    ...['--add', 'slipway'],
  ];
  try {
    const said = await tools.run(
      'unshare',
      [
        ...['--user', '--map-root-user', '--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child', '--'],
        ...['sh', '-c', DRACUT_SCRIPT, 'sh', folder, kernel.version, `/${OWN}`, ...args],
      ],
      { env: { SOURCE_DATE_EPOCH: String(epoch), INSIDE: INSIDE_SCRIPT } },
    );
    await chmod(made, 0o644);
    await rename(made, target);
    await rm(folder, { recursive: true, force: true });
    return said;
  } catch (error) {
    throw error instanceof ToolFailed ? explain(error) : error;
  }
}
