import type { Key } from '../root-method.ts';
import { flag, optional, rootMethod } from '../root-method.ts';
import { earlyArguments, laterArguments } from './arguments.ts';
import { findings } from './findings.ts';
import * as schema from './schema.ts';

const container = (what: string): Key<readonly schema.Container[]> => ({
  schema: schema.containers.optional().describe(what),
  default: [],
});
const optionalText = (shape: Parameters<typeof optional>[0], what: string) =>
  optional<string | null>(shape, what, null);
/** A list, empty by default. */
const many = <T>(shape: Parameters<typeof optional>[0], what: string): Key<readonly T[]> => ({
  schema: shape.optional().describe(what),
  default: [],
});

/** boot2container's own initramfs, which its kernel line configures: docs/containers.md. */
export const b2c = rootMethod({
  name: 'b2c',
  summary: [
    "boot2container's initramfs",
    'podman runs containers from the initrd',
    'the initrd',
    'you run boot2container as it is ([containers.md](containers.md#boot2container-as-it-is))',
  ],
  keys: {
    containers: container(
      "Containers that run one after another: podman's arguments, or a mapping with image and command.",
    ),
    services: container('Containers that are started in the background before these.'),
    post_containers: container('Containers that run at the end, whatever happened.'),
    pipefail: flag('Whether the first container that fails ends the pipeline.', false),
    cache_device: optionalText(
      schema.cacheDevice,
      'none; auto or reset, which format the first disk; a device; or the name of a file system. Default: none.',
    ),
    filesystems: many<schema.Filesystem>(schema.filesystems, 'File systems for the cache device or for volumes.'),
    swap: optionalText(schema.swap, 'The size of a swap file on the cache device. Default: none.'),
    minio: many<schema.Store>(schema.minio, 'S3 stores, for volumes. The node gets their keys.'),
    volumes: many<schema.Volume>(schema.volumes, 'Volumes.'),
    ntp_peer: optionalText(schema.ntpPeer, 'none, auto (pool.ntp.org), or a host that tells the time. Default: none.'),
    interfaces: many<schema.Interface>(
      schema.interfaces,
      'Network interfaces. Default: DHCP on the first that answers.',
    ),
    hostname: optionalText(schema.hostname, "The host name. Default: the node's."),
    keymap: optionalText(schema.keymap, 'The keymap of the console. Default: none.'),
    insmods: many<string>(schema.insmods, 'Kernel modules to load first, in order.'),
    shutdown_cmd: optionalText(schema.command, 'The command that ends the boot. Default: poweroff -f.'),
    reboot_cmd: optionalText(schema.command, 'The command where a container asks for a reboot. Default: reboot -f.'),
    poweroff_delay: optionalText(schema.seconds, 'Seconds before either. Default: 0.'),
  },
  form: 'file',
  buildFiles: [],
  findings,
  modules: () => [],
  memoryNeeded: () => 0,
  args: earlyArguments,
  fetched: { args: laterArguments, at: (url) => `b2c.extra_args_url=${url}` },
});
