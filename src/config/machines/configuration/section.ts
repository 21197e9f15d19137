import { z } from 'zod';
import { mapping, oneOf, text, textual } from '../../../model/boot/yaml-shapes.ts';
import { CLOUD_CONFIG_KEYS } from './cloud-config-keys.ts';

const anything = () => z.unknown().optional();
const free = () => z.record(z.string(), z.unknown(), { error: 'a mapping' });

const cloudConfig = () => mapping(Object.fromEntries(CLOUD_CONFIG_KEYS.map((key) => [key, anything()])));

const networkConfig = z
  .looseObject(
    { version: z.union([z.literal(1), z.literal(2)], { error: '1 or 2, the version of the network configuration' }) },
    { error: 'a mapping with "version: 1" or "version: 2"' },
  )
  .partial();

/** Ignition's configuration, specification 3.x: its keys at the top. */
const ignition = mapping({
  ignition: z
    .looseObject({
      version: textual('a version of the specification such as 3.4.0', (text) => /^3\.\d+\.\d+$/.test(text)).optional(),
    })
    .optional(),
  kernelArguments: anything(),
  passwd: anything(),
  storage: anything(),
  systemd: anything(),
});

/** Files of a machine, each rendered of a template. */
const files = z.record(
  text(/^[A-Za-z0-9][\w.-]{0,99}$/, 'the name of a file: letters, digits, ".", "_" and "-"'),
  z
    .string({ error: 'the name of a template such as kickstart.njk, not of a script' })
    .refine((name) => /^[A-Za-z0-9][\w.-]*\.njk$/.test(name) && !name.endsWith('.ipxe.njk')),
  { error: 'a mapping' },
);

/** `configuration:` of the whole file, of a profile or of a node. */
export const configuration = mapping({
  place: oneOf(['kernel', 'initrd'])
    .optional()
    .describe(
      'kernel: the kernel line tells cloud-init where its documents are; initrd: the initrd places them in the root. Default: kernel.',
    ),
  user_data: cloudConfig().nullish().describe("cloud-init's user-data, a cloud-config."),
  meta_data: free().nullish().describe("cloud-init's meta-data; instance-id and local-hostname are added."),
  vendor_data: cloudConfig().nullish().describe("cloud-init's vendor-data, a cloud-config."),
  network_config: networkConfig.nullish().describe("cloud-init's network configuration, version 1 or 2."),
  files: files
    .nullish()
    .describe(
      'Files such as a kickstart or preseed, by name: each is rendered of a template NAME.njk in the templates folder.',
    ),
  ignition: ignition.nullish().describe("Ignition's configuration, specification 3.x."),
})
  .nullish()
  .describe('What a booted node configures itself by. Mappings merge: of the file, each profile, the node.');
