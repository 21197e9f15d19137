import { isIP, isIPv4 } from 'node:net';
import { z } from 'zod';
import { SECRET } from '../../../configuration/merge.ts';
import { mapping, oneOf, text, textual } from '../../yaml-shapes.ts';
import { lineFault, partFault, wordFault } from './quoting.ts';

/** Shapes of what is below `root:` of method b2c. */

type Fault = (text: string) => string | undefined;

/** Text with its faults told one by one. */
const checked = (what: string, fault: Fault) =>
  z.union([z.string(), z.number()], { error: what }).refine((value) => fault(String(value)) === undefined, {
    error: ({ input }) => `${what} with ${fault(String(input)) ?? 'nothing else'}`,
  });

const secret = z.strictObject({ [SECRET]: z.string() });
const orSecret = <T extends z.ZodType>(schema: T, what: string) =>
  z.union([schema, secret], { error: `${what}, or "!secret file:PATH" or "!secret env:NAME"` });

const word = (what: string) => checked(what, wordFault);
const part = (what: string) => checked(what, (value) => (value === '' ? 'something in it' : partFault(value)));
const words = (what: string) => z.array(orSecret(word('text'), 'text'), { error: `a list of ${what}` });
const name = text(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'letters, digits, "_", "." and "-", with a letter or digit first');
const flag = (what: string) => z.boolean({ error: 'true or false' }).optional().describe(`${what} Default: false.`);
const line = (what: string) => checked(what, (value) => (value.trim() === '' ? 'something in it' : lineFault(value)));
const listOf = <T extends z.ZodType>(item: T, what: string) => z.array(item, { error: `a list of ${what}` });

const containerText = checked("podman's arguments", (value) => {
  if (value.trim() === '') return 'an image in them';
  const fault = lineFault(value);
  return fault === undefined || value.includes('"')
    ? fault
    : `${fault}; a mapping with "image:" and "command:" can have it`;
});

const containerMapping = mapping({
  image: textual('an image such as docker://registry.example.net/test:latest', (value) =>
    /^[A-Za-z0-9][\w./:@+-]*$/.test(value),
  ).describe('The image, as podman names it.'),
  command: words('words').optional().describe('The command, a word each. Default: that of the image.'),
  entrypoint: word('a program').optional().describe('The program in place of the entry point of the image.'),
  env: z
    .record(text(/^[A-Za-z_]\w*$/, 'letters, digits and "_", with no digit first'), orSecret(word('text'), 'text'), {
      error: 'a mapping',
    })
    .optional()
    .describe('Variables of its environment.'),
  volumes: listOf(word('a volume such as results:/results'), 'volumes such as results:/results')
    .optional()
    .describe('Volumes and folders, NAME:/TARGET or NAME:/TARGET:ro.'),
  devices: listOf(word('a device'), 'devices').optional().describe('Devices, such as /dev/kvm.'),
  workdir: word('a folder').optional().describe('The folder in which it starts.'),
  user: word('a user').optional().describe('The user, UID, UID:GID or a name.'),
  options: words("podman's options").optional().describe('Further options of podman create, such as -ti, a word each.'),
});

/** Containers: podman's arguments as one text, or in parts. */
export const containers = listOf(
  z.union([containerText, containerMapping], { error: `podman's arguments, or a mapping with "image:"` }),
  'containers',
);

/** What can be mounted. */
export const filesystems = listOf(
  mapping({
    name,
    type: part('a type such as nfs').optional().describe("The type. Default: the kernel's guess."),
    source: part('a source').describe('The device or the remote folder.'),
    options: listOf(orSecret(part('an option'), 'an option'), 'mount options')
      .optional()
      .describe('Mount options.'),
  }),
  'file systems',
);

/** Stores with the protocol of S3. */
export const minio = listOf(
  mapping({
    name,
    url: part('a URL').refine((value) => URL.canParse(String(value)), { error: 'the URL of the store' }),
    access_key: orSecret(part('a key'), 'a key'),
    secret_key: orSecret(part('a key'), 'a key'),
  }),
  'stores',
);

const when = z
  .union(
    [
      z.literal('changes'),
      z.array(oneOf(['pipeline_start', 'container_start', 'container_end', 'pipeline_end'])).min(1),
    ],
    { error: 'changes, or a list of pipeline_start, container_start, container_end and pipeline_end' },
  )
  .optional();
const glob = part('a pattern');

/** Volumes. */
export const volumes = listOf(
  mapping({
    name,
    filesystem: name.optional().describe('The entry of filesystems: that is mounted for it.'),
    mirror: part('STORE/BUCKET')
      .optional()
      .describe('STORE/BUCKET, from which it is pulled and to which it is pushed.'),
    pull_from: part('STORE/BUCKET').optional().describe('STORE/BUCKET, from which it is pulled.'),
    push_to: part('STORE/BUCKET').optional().describe('STORE/BUCKET, to which it is pushed.'),
    pull_on: when.describe('When it is pulled.'),
    push_on: when.describe('When it is pushed.'),
    expiration: oneOf(['never', 'pipeline_end']).optional().describe('When it is removed. Default: never.'),
    overwrite: flag('Whether files that differ are replaced.'),
    remove: flag('Whether files that the other side lacks are removed.'),
    preserve: flag('Whether attributes of files are kept.'),
    exclude: z
      .union([glob, z.array(glob)], { error: 'a pattern, or a list of them' })
      .optional()
      .describe('Patterns of files that are left out.'),
    encrypt_key: orSecret(part('a key'), 'a key').optional().describe('The key of the encryption in the store.'),
    fscrypt_key: orSecret(part('a key in base64'), 'a key in base64')
      .optional()
      .describe('The key on the cache device.'),
    fscrypt_reset_key: flag('Whether a volume with another key is made anew.'),
  }),
  'volumes',
);

const isNetwork = (value: string, isAddress: (text: string) => unknown): boolean => {
  const [address = '', bits = '', ...more] = value.split('/');
  const most = isIPv4(address) ? 32 : 128;
  return more.length === 0 && Boolean(isAddress(address)) && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
};
const address = (what: string) => text(/^[0-9A-Fa-f:.]+$/, what).refine((value) => isIP(value) !== 0, { error: what });

/** Network interfaces. */
export const interfaces = listOf(
  mapping({
    name: text(/^[A-Za-z0-9][\w.-]{0,14}$/, 'the name of an interface such as eth0'),
    dhcp: flag('Whether it is configured by DHCP.'),
    address: z
      .string({ error: 'an address such as 192.0.2.7/24' })
      .refine((value) => isNetwork(value, isIP), { error: 'an address such as 192.0.2.7/24' })
      .optional()
      .describe('Its address and network, such as 192.0.2.7/24.'),
    gateway: address('the IP address of a router').optional().describe('The router of the default route.'),
    routes: listOf(
      mapping({
        // Its parts stand around a colon.
        network: z
          .string({ error: 'an IPv4 network such as 10.0.0.0/8' })
          .refine((value) => isNetwork(value, isIPv4), { error: 'an IPv4 network such as 10.0.0.0/8' }),
        via: text(/^[\d.]+$/, 'the IPv4 address of a router').refine(isIPv4, { error: 'the IPv4 address of a router' }),
      }),
      'routes such as { network: 10.0.0.0/8, via: 192.0.2.1 }',
    )
      .optional()
      .describe('Further routes.'),
    nameservers: listOf(address('the IP address of a DNS server'), 'addresses').optional().describe('DNS servers.'),
    forward: flag('Whether the machine forwards packets.'),
  }),
  'interfaces',
);

export const insmods = listOf(
  text(/^[\w-][\w./-]*$/, 'the file of a kernel module such as e1000e.ko'),
  'kernel modules',
);
export const command = line('a command');
export const keymap = text(/^[\w.-]+$/, 'the name of a keymap such as de');
export const hostname = text(/^(?!-)[A-Za-z0-9.-]{1,64}$/, 'a host name');
export const ntpPeer = text(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/, 'none, auto, or a host');
export const cacheDevice = text(
  /^(?:\/dev\/[\w./:+@-]+|[A-Za-z0-9][\w.-]*)$/,
  'none, auto, reset, a device such as /dev/sda, or the name of an entry of filesystems:',
);
export const swap = textual('a size such as 4G', (value) => /^[1-9]\d{0,15}(?:[KMGT](?:i?B)?)?$/.test(value));
export const seconds = z.int({ error: 'a whole number of seconds from 0 to 86400' }).min(0).max(86_400);

export type Container = z.infer<typeof containers>[number];
export type Filesystem = z.infer<typeof filesystems>[number];
export type Store = z.infer<typeof minio>[number];
export type Volume = z.infer<typeof volumes>[number];
export type Interface = z.infer<typeof interfaces>[number];
