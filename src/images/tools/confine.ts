/** The files that a confined program sees beside the system's own programs, by absolute path. */
export interface Sees {
  /** Files and folders that it may write to, each at its own path. */
  readonly writes?: readonly string[];
  /** A folder that is its whole root, with its own programs in the place of the system's. */
  readonly root?: string;
  /** A folder, and the path in that root where the program may write to it. */
  readonly shared?: readonly [folder: string, path: string];
}

/** The surroundings of a confined program. */
interface Surroundings {
  /** All of its environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Folders of programs beside the system's own, absolute. */
  readonly programs: readonly string[];
}

/**
 * Capabilities of a root's own programs, in a namespace that has no other user's files: dracut's ldconfig changes into the
 * initrd's root, and dracut-ng reads an /etc/shadow that it has made unreadable.
 */
const POWERS = ['CAP_SYS_CHROOT', 'CAP_DAC_OVERRIDE'].flatMap((power) => ['--cap-add', power]);

/** Paths of the system's programs and of their libraries. */
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/etc/ld.so.cache', '/etc/alternatives'];

/**
 * Limits far above the needs of any image: 16 GiB of memory for a process, 256 GiB for a file, and 4096 processes of one
 * user, for which shells have different letters. A limit that is lower already stays.
 */
const LIMITS = `
for limit in '-v 16777216' '-f 536870912' '-c 0' '-p 4096' '-u 4096'; do ulimit $limit; done 2> /dev/null
exec "$@"`;

/**
 * The command line that confines a program: one that reads an image's bytes, or one of the image's own. It runs in new
 * namespaces (user, mount, process, network, IPC, host name, cgroup), in a new root with only the files that it may see,
 * without a network, a terminal and new privileges, and with bounds on each process's memory and files. By bubblewrap,
 * which pivots into the new root and detaches the old one (bwrap(1)).
 */
export function confined(
  tool: string,
  args: readonly string[],
  { writes = [], root, shared }: Sees,
  { env = {}, programs }: Surroundings,
): readonly string[] {
  const bind = (how: string, paths: readonly string[]) => paths.flatMap((each) => [how, each, each]);
  const files =
    root === undefined
      ? [...bind('--ro-bind-try', [...SYSTEM, ...programs]), ...['--tmpfs', '/tmp']]
      : ['--bind', root, '/', '--tmpfs', '/run', '--tmpfs', '/tmp', '--dir', '/sys'];
  return [
    ...['sh', '-c', LIMITS, 'sh', 'bwrap', '--unshare-all', '--unshare-user', '--disable-userns'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--clearenv'],
    ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
    ...(root === undefined ? [] : ['--uid', '0', '--gid', '0', ...POWERS]),
    ...files,
    ...['--proc', '/proc', '--dev', '/dev', '--remount-ro', '/dev'],
    ...bind('--bind', writes),
    ...(shared ? ['--bind', ...shared] : []),
    ...['--chdir', '/', '--', tool, ...args],
  ];
}
