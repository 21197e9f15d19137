import { createReadStream } from 'node:fs';
import { chmod, cp, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buffered } from './byte-source.ts';
import { detectCompression } from './compression.ts';
import { scanCpio } from './cpio.ts';
import { writeTar } from './flatten.ts';
import type { Kernel } from './kernel.ts';
import { openSource } from './layer-files.ts';
import { BadImage } from './oci-image.ts';
import { type Flat, writeContent } from './output-files.ts';
import type { Attributes, Bytes } from './tar-entry.ts';
import { ToolFailed, type Tools } from './tool-run.ts';
import { type Inode, lookUp } from './tree.ts';

/** The project's dracut modules, beside src and dist alike. */
const MODULES = fileURLToPath(new URL('../../dracut-modules', import.meta.url));

/** A file that every initrd with the project's modules has, `lib` being a link to `usr/lib` or not. */
const MARK = 'lib/slipway/slipway-lib.sh';

/** Where distributions put the initrd of a kernel: bootc, Debian, Fedora. */
const OWN_PLACES: readonly ((version: Bytes) => Bytes)[] = [
  (version) => `usr/lib/modules/${version}/initramfs.img`,
  (version) => `usr/lib/modules/${version}/initrd`,
  (version) => `boot/initrd.img-${version}`,
  (version) => `boot/initramfs-${version}.img`,
];

/** Looks for the mark in a file's uncompressed archives; `rest` is where something compressed follows. */
async function findMark(path: string): Promise<{ readonly found: boolean; readonly rest: number | undefined }> {
  const source = await openSource(path);
  try {
    const { names, rest } = await scanCpio(buffered(source));
    return { found: [...names].some((name) => name.endsWith(MARK)), rest };
  } finally {
    await source.close();
  }
}

async function firstBytes(path: string, position: number): Promise<Buffer> {
  const source = await openSource(path);
  try {
    return await source.read(position, 8);
  } finally {
    await source.close();
  }
}

/** Whether an initrd has the project's modules. Archives stand one after the other, the last of them compressed. */
export async function hasModules(tools: Tools, path: string, scratch: string): Promise<boolean> {
  const { found, rest } = await findMark(path);
  if (found || rest === undefined) return found;
  const how = detectCompression(await firstBytes(path, rest));
  if (how === 'none') return false;
  const plain = join(scratch, 'initrd.cpio');
  const target = await open(plain, 'w');
  try {
    await tools.run(how, ['-d', '-c', '-q'], { input: createReadStream(path, { start: rest }), output: target.fd });
    return (await findMark(plain)).found;
  } catch (error) {
    if (error instanceof ToolFailed) return false;
    throw error;
  } finally {
    await target.close();
    await rm(plain, { force: true });
  }
}

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
    sh -e -c 'own=$1; shift; mkdir -p /var/tmp; cp -R "$own"/modules/* /usr/lib/dracut/modules.d/; exec dracut "$@"' \\
    sh "$own" "$@" --kver "$kernel" "$own/initrd.img"
`;

function lacksDracut(): BadImage {
  return new BadImage(
    'the image has neither an initrd with the modules of Slipway nor dracut to make one: install dracut-core, ' +
      'dracut-network, curl, jq, zstd and xz-utils in it (Debian; Fedora: dracut, dracut-network, curl, jq, zstd, xz), ' +
      'or give an initrd with --initrd',
  );
}

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

/** Takes the image's own initrd, where it has the modules. */
async function takeOwn(flat: Flat, kernel: Kernel, tools: Tools, scratch: string, target: string): Promise<boolean> {
  for (const place of OWN_PLACES) {
    const inode = lookUp(flat.tree, place(kernel.version));
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

/** What {@link makeInitrd} needs. */
export interface InitrdOptions {
  readonly tools: Tools;
  readonly scratch: string;
  /** The file to write. */
  readonly target: string;
  readonly progress: (bytes: number) => void;
}

/**
 * Writes the initrd: the image's own where it has the project's modules, else one that the image's own dracut makes.
 * @returns which of both
 * @throws BadImage with what to do; ToolFailed, MissingTool
 */
export async function makeInitrd(flat: Flat, kernel: Kernel, options: InitrdOptions): Promise<'own' | 'dracut'> {
  const { tools, scratch, target, progress } = options;
  if (await takeOwn(flat, kernel, tools, scratch, target)) return 'own';
  const programs = ['usr/bin/dracut', 'usr/sbin/dracut'];
  if (!programs.some((path) => lookUp(flat.tree, path)?.type === 'file')) throw lacksDracut();
  const root = join(scratch, 'dracut-root');
  await mkdir(root);
  const bytes = writeTar(flat.layers, flat.tree, {
    adorn: ownedByMe,
    skip: (path, { type }) => ['character', 'block', 'fifo'].includes(type) || MADE_ANEW.has(path),
  });
  const counted = async function* () {
    for await (const chunk of bytes) {
      yield chunk;
      progress(chunk.length);
    }
  };
  await tools.run(
    'tar',
    ['-x', '-p', '--no-same-owner', '--delay-directory-restore', '--warning=no-timestamp', '-f', '-', '-C', root],
    {
      input: counted(),
    },
  );
  const own = join(root, OWN);
  await mkdir(own);
  for (const name of await readdir(MODULES)) {
    if (/^\d/.test(name)) await cp(join(MODULES, name), join(own, 'modules', name), { recursive: true });
  }
  const compressor = lookUp(flat.tree, 'usr/bin/zstd') ? '--zstd' : '--gzip';
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
        ...['sh', '-c', DRACUT_SCRIPT, 'sh', root, kernel.version, `/${OWN}`, ...args],
      ],
      { env: { SOURCE_DATE_EPOCH: String(flat.epoch) } },
    );
    await chmod(made, 0o644);
    await rename(made, target);
    if (!(await hasModules(tools, target, scratch))) {
      throw new BadImage(
        `dracut made an initrd without the modules of Slipway:\n${said.split('\n').slice(-20).join('\n')}`,
      );
    }
  } catch (error) {
    throw error instanceof ToolFailed ? explain(error) : error;
  }
  await rm(root, { recursive: true, force: true });
  return 'dracut';
}
