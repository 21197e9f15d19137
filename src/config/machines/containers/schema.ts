import { z } from 'zod';
import { MEMORY_EXPECTED, parseMemory } from '../../../model/boot/fit/memory.ts';
import { isRegistryImage, mapping, oneOf, text, textual } from '../../../model/boot/yaml-shapes.ts';
import { secretOf } from '../../../model/configuration/merge.ts';
import type { ContainersSection, StoreSection } from '../../../model/containers/section.ts';

/** A schema whose values have the types of `model/containers/section.ts`. */
const section = <T>(schema: z.ZodType): z.ZodType<T> => schema as z.ZodType<T>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const name = (what: string) => textual(`${what}: letters, digits, ".", "_" and "-", up to 63`, (t) => NAME.test(t));
const flag = () => z.boolean({ error: 'true or false' }).optional();
const amount = (expected = MEMORY_EXPECTED) => textual(expected, (t) => parseMemory(t) !== undefined);
const seconds = (max: number) => {
  const error = `a whole number of seconds from 1 to ${max}`;
  return z.int({ error }).min(1).max(max);
};
const absolute = (what: string) => text(/^\/[^\0]*$/, `the absolute path of ${what}`);
const words = (what: string) => z.array(z.union([z.string(), z.number()]), { error: `a list of words: ${what}` });
const list = <T extends z.ZodType>(item: T, what: string) => z.array(item, { error: `a list of ${what}` });

/** A text, or a secret. */
const value = z
  .unknown()
  .refine((given) => ['string', 'number', 'boolean'].includes(typeof given) || secretOf(given) !== undefined, {
    error: 'a text, or a secret such as !secret env:NAME',
  });

const cache = mapping({
  device: text(
    /^(?:auto|LABEL=[A-Za-z0-9._-]{1,16}|\/dev\/[A-Za-z0-9._/-]{1,200})$/,
    'LABEL=NAME, a path such as /dev/nvme0n1p3, or auto',
  ).describe(
    'LABEL=NAME, a path, or auto: the partition labelled slipway-cache, else the largest disk that holds nothing.',
  ),
  allow_format: flag().describe('Whether a disk or partition that holds nothing may be formatted. Default: false.'),
  limit: amount().optional().describe('The most that images may take. Default: three quarters of it.'),
});

const mirror = mapping({
  store: name('the name of a store'),
  prefix: text(/^[^\0-\x1f\x7f]{0,500}$/, 'the beginning of the names of objects')
    .optional()
    .describe("What the names of its objects begin with; {node} stands for the node's name. Default: {node}/VOLUME."),
  pull: list(oneOf(['start', 'step']), 'start and step')
    .optional()
    .describe('When it is fetched. Default: [start].'),
  push: list(oneOf(['step', 'changes', 'end']), 'step, changes and end')
    .optional()
    .describe('When it is brought to the store. Default: [end].'),
  remove: flag().describe('Whether what one side no longer has is removed at the other. Default: false.'),
  exclude: list(text(/\S/, 'a pattern such as *.tmp'), 'patterns').optional(),
});

const volume = mapping({
  place: oneOf(['cache', 'memory']).optional().describe('Default: memory.'),
  keep: oneOf(['always', 'pipeline'])
    .optional()
    .describe('For ever, or until the pipeline ends. Default: always on the cache device.'),
  size: amount().optional().describe('The most that it may hold in memory.'),
  luks: mapping({ key: value, size: amount() })
    .optional()
    .describe('Encrypts it on the cache device with LUKS2, in a file of this size.'),
  mirror: mirror.optional().describe('A copy in an S3-compatible store.'),
}).nullable();

const mount = mapping({
  volume: name('the name of a volume').optional(),
  host: absolute('a file or folder of the machine').optional(),
  tmpfs: z.union([z.literal(true), amount()], { error: 'true, or an amount such as 64 MiB' }).optional(),
  target: absolute('the place in the container'),
  read_only: flag(),
});

const action = ['stop', 'continue', 'retry', 'reboot'] as const;
const onFailure = z
  .union(
    [
      z.enum(action),
      mapping({
        action: oneOf(action),
        retries: z.int().min(1).max(100).optional().describe('Default: 3.'),
      }),
    ],
    { error: 'stop, continue, retry or reboot, or { action: retry, retries: 3 }' },
  )
  .optional();

const step = mapping({
  name: name('a name'),
  image: z
    .string({ error: 'an image such as docker://docker.io/library/alpine:3, or oci:NAME' })
    .refine((t) => isRegistryImage(t) || /^oci:[A-Za-z0-9][A-Za-z0-9._-]*$/.test(t))
    .describe('docker://HOST/NAME:TAG, with @sha256:DIGEST or not; or oci:NAME, an image that was built here.'),
  plain_http: flag().describe('Whether its registry speaks plain HTTP. Default: false.'),
  entrypoint: words("the program, in place of the image's").optional(),
  command: words("the arguments, in place of the image's").optional(),
  environment: z
    .record(text(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable'), value, { error: 'a mapping' })
    .nullish(),
  workdir: absolute('a folder').optional(),
  user: textual('a user: a name or number, with :GROUP or not', (t) =>
    /^[A-Za-z0-9._-]+(?::[A-Za-z0-9._-]+)?$/.test(t),
  ).optional(),
  mounts: list(mount, 'mounts').nullish(),
  devices: list(text(/^\/dev\/[A-Za-z0-9._/-]+$/, 'the path of a device'), 'devices').nullish(),
  network: oneOf(['host', 'none', 'private']).optional().describe('Default: private.'),
  capabilities: list(text(/^CAP_[A-Z_]{2,30}$/, 'a capability such as CAP_NET_ADMIN'), 'capabilities').nullish(),
  privileged: flag().describe('All capabilities and devices. Default: false.'),
  systemd: flag().describe("Whether the image's init system is started. Default: false."),
  timeout: seconds(10_000_000).optional().describe('Seconds after which it counts as failed. Default: none.'),
  memory: amount().optional().describe('The most memory that it may have. Default: no limit.'),
  on_failure: onFailure.describe('Default: stop.'),
  background: flag().describe('Whether it is a service, which ends with the pipeline. Default: false.'),
  always: flag().describe('Whether it runs where the pipeline has stopped, too. Default: false.'),
});

const end = mapping({
  action: oneOf(['poweroff', 'reboot', 'kexec', 'wait', 'shell']).optional().describe('Default: poweroff.'),
  image: textual('the name of an image', () => true)
    .optional()
    .describe('With action kexec: the image that starts, without firmware and iPXE.'),
  after: z.int().min(0).max(86_400).optional().describe('Seconds. Default: 0.'),
}).refine(({ action, image }) => (action === 'kexec') === (image !== undefined), {
  error: '{ action: kexec, image: NAME }, or another action without an image',
});

/** `containers:` of an image, a profile or a node. */
export const containers = section<ContainersSection>(
  mapping({
    clock: list(text(/^[A-Za-z0-9.:-]{1,253}$/, 'the name or address of an NTP server'), 'NTP servers')
      .nullish()
      .describe('NTP servers, by which the clock is set before anything is fetched. Default: none.'),
    cache: cache
      .nullish()
      .describe('Where images and volumes are kept across boots. Default: in memory, until it ends.'),
    volumes: z
      .record(name('a name') as never, volume, { error: 'a mapping' })
      .nullish()
      .describe('Directories that steps share.'),
    steps: list(step, 'steps').nullish().describe('The containers, in order.'),
    end: end.nullish().describe('What follows the pipeline.'),
  }),
)
  .nullish()
  .describe(
    'The containers that a machine runs by root method containers. Key by key, the more specific section counts.',
  );

/** `stores:`. */
export const stores = section<Readonly<Record<string, StoreSection>>>(
  z.record(
    text(NAME, 'a name of letters, digits, ".", "_" and "-"'),
    mapping({
      url: text(/^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/, 'the URL of an S3-compatible store'),
      bucket: textual('the name of a bucket', (t) => /^[a-z0-9][a-z0-9.-]{1,62}$/.test(t)),
      region: text(/^[a-z0-9-]{1,50}$/, 'a region')
        .optional()
        .describe('Default: us-east-1.'),
      access_key: value.describe('Its key, or !secret.'),
      secret_key: value.describe('Its secret key: !secret file:PATH, or !secret env:NAME.'),
    }),
    { error: 'a mapping' },
  ),
)
  .nullish()
  .describe('S3-compatible stores, of which volumes may have a copy.');
