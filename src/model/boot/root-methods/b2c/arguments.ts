import { argument, shellWord } from './quoting.ts';
import type { Container, Filesystem, Interface, Store, Volume } from './schema.ts';

/** The keys of `root:` of method b2c, with their defaults. Secrets are read by now, or masked. */
export interface B2cKeys {
  readonly containers: readonly Container[];
  readonly services: readonly Container[];
  readonly post_containers: readonly Container[];
  readonly pipefail: boolean;
  readonly cache_device: string | null;
  readonly filesystems: readonly Filesystem[];
  readonly swap: string | null;
  readonly minio: readonly Store[];
  readonly volumes: readonly Volume[];
  readonly ntp_peer: string | null;
  readonly interfaces: readonly Interface[];
  readonly hostname: string | null;
  readonly keymap: string | null;
  readonly insmods: readonly string[];
  readonly shutdown_cmd: string | null;
  readonly reboot_cmd: string | null;
  readonly poweroff_delay: string | null;
}

/** A member of a comma-separated value; left out where it has no value. A secret is a text by now. */
const member = (name: string, value: unknown): readonly string[] =>
  value === undefined || value === null ? [] : [`${name}=${value}`];
const flags = <T extends object>(value: T, names: readonly (keyof T & string)[]): readonly string[] =>
  names.filter((name) => value[name] === true);
const given = (name: string, value: string | null): readonly string[] =>
  value === null ? [] : [argument(name, value)];
const parts = (name: string, values: readonly string[]): string => argument(name, values.join(','));

/** The arguments of `podman create` for a container, for boot2container's shell. */
function podmanArguments(container: Container): string {
  if (typeof container !== 'object') return String(container);
  const {
    image,
    command = [],
    entrypoint,
    env = {},
    volumes = [],
    devices = [],
    workdir,
    user,
    options = [],
  } = container;
  return [
    ...options,
    ...(entrypoint === undefined ? [] : [`--entrypoint=${entrypoint}`]),
    ...Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
    ...volumes.flatMap((volume) => ['-v', volume]),
    ...devices.map((device) => `--device=${device}`),
    ...(workdir === undefined ? [] : ['-w', workdir]),
    ...(user === undefined ? [] : ['-u', user]),
    image,
    ...command,
  ]
    .map((word) => shellWord(String(word)))
    .join(' ');
}

const filesystem = ({ name, type, source, options = [] }: Filesystem): string =>
  parts('filesystem', [
    name,
    ...member('type', type),
    ...member('src', source),
    ...member('opts', options.length > 0 ? options.join('|') : undefined),
  ]);

const iface = (value: Interface): string => {
  const { name, address, gateway, routes = [], nameservers = [] } = value;
  return parts('iface', [
    name,
    ...flags(value, ['dhcp']),
    ...member('address', address),
    ...member('gateway', gateway),
    ...routes.map(({ network, via }) => `route=${network}:${via}`),
    ...nameservers.map((each) => `nameserver=${each}`),
    ...flags(value, ['forward']),
  ]);
};

const hooks = (when: Volume['pull_on']): string | undefined => (typeof when === 'object' ? when.join('|') : when);

function volume(value: Volume): string {
  const { name, filesystem, mirror, pull_from, push_to, pull_on, push_on, expiration, exclude = [] } = value;
  return parts('volume', [
    name,
    ...member('filesystem', filesystem),
    ...member('mirror', mirror),
    ...member('pull_from', pull_from),
    ...member('push_to', push_to),
    ...member('pull_on', hooks(pull_on)),
    ...member('push_on', hooks(push_on)),
    ...member('expiration', expiration),
    ...flags(value, ['overwrite', 'remove', 'preserve']),
    ...[exclude].flat().map((each) => `exclude=${each}`),
    ...member('encrypt_key', value.encrypt_key),
    ...member('fscrypt_key', value.fscrypt_key),
    ...flags(value, ['fscrypt_reset_key']),
  ]);
}

/** Whether a file system is mounted before the network is up. */
const isEarly = ({ cache_device }: B2cKeys, { name }: Filesystem): boolean => name === cache_device;

/** What boot2container needs before it can fetch anything. */
export function earlyArguments(root: B2cKeys): readonly string[] {
  const { insmods, cache_device, swap, filesystems, interfaces, ntp_peer } = root;
  return [
    ...(insmods.length > 0 ? [parts('insmods', insmods)] : []),
    ...given('cache_device', cache_device),
    ...given('swap', swap),
    ...filesystems.filter((each) => isEarly(root, each)).map(filesystem),
    ...interfaces.map(iface),
    ...given('ntp_peer', ntp_peer),
  ];
}

/**
 * What it can fetch. Of the names of the arguments for containers, those that one public init script is known to read
 * together are used: of the newer ones, only `b2c.run` was seen, and `b2c.run_service` and `b2c.run_post` nowhere.
 */
export function laterArguments(root: B2cKeys): readonly string[] {
  return [
    ...given('hostname', root.hostname),
    ...given('keymap', root.keymap),
    ...root.filesystems.filter((each) => !isEarly(root, each)).map(filesystem),
    ...root.minio.map(({ name, url, access_key, secret_key }) =>
      parts('minio', [name, String(url), String(access_key), String(secret_key)]),
    ),
    ...root.volumes.map(volume),
    ...root.services.map((each) => argument('service', podmanArguments(each))),
    ...root.containers.map((each) => argument('container', podmanArguments(each))),
    ...root.post_containers.map((each) => argument('post_container', podmanArguments(each))),
    ...(root.pipefail ? ['b2c.pipefail'] : []),
    ...given('shutdown_cmd', root.shutdown_cmd),
    ...given('reboot_cmd', root.reboot_cmd),
    ...given('poweroff_delay', root.poweroff_delay),
  ];
}
