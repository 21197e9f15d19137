import { z } from 'zod';
import { isBuildName } from '../model/boot/build.ts';
import { MEMORY_EXPECTED, parseMemory } from '../model/boot/fit/memory.ts';
import { ROOT_METHODS } from '../model/boot/root-methods/methods.ts';
import { isKernelArgument, mapping, oneOf, type Shape, source, text, textual } from '../model/boot/yaml-shapes.ts';
import { ARCHITECTURES } from '../model/machine/architecture.ts';
import { parseMac } from '../model/machine/mac.ts';
import { interfaceName, servedInterfaces, serverAddress, serverUrl } from './interfaces.ts';
import { configuration } from './machines/configuration/section.ts';
import { containers, stores } from './machines/containers/schema.ts';
import { type MatchSection, matchSection } from './machines/match-section.ts';
import { metricsSection, tracesSection, webhooksSection } from './resolve/observe.ts';
import { registrySection } from './resolve/registry.ts';

/**
 * The shape of the configuration file: the one source of its validation, of its JSON Schema and of the types that
 * `resolve.ts` reads. Nothing here transforms or fills in: defaults are part of resolving.
 *
 * Each `error` says what is expected there; `issues.ts` adds the rest of the message.
 */

/** A mapping whose keys are names of the user's own. */
const named = <T extends z.ZodType>(key: z.ZodString, value: T) => z.record(key, value, { error: 'a mapping' });

/** One thing or a list of them. */
const oneOrList = <T extends z.ZodType>(item: T, expected: string, atLeast = 0) => {
  const error = `${expected}, or a list of them`;
  return z.union([item, z.array(item, { error }).min(atLeast)], { error });
};

const wholeNumber = (min: number, max: number, unit = '') => {
  const error = `a whole number${unit} from ${min} to ${max}`;
  return z.int({ error }).min(min).max(max);
};

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const NAME_EXPECTED = 'letters, digits, ".", "_" and "-", with a letter or digit first';
const name = () => text(NAME, NAME_EXPECTED);
const variableName = () => text(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and "_", with no digit first');
/** A node's name, or a range of names. */
const nodeName = () =>
  text(
    /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\[\d+-\d+\][A-Za-z0-9._-]*)?$/,
    `${NAME_EXPECTED}, or a range such as n[001-128]`,
  );
/** A name that refers to an entry; `check.ts` reports missing entries. */
const reference = (what: string) => textual(`the name of ${what}`, () => true);

/** RFC 1123 section 2.1, and the 64 octets that Linux gives a host name. */
export function isHostname(text: string): boolean {
  return text.length <= 64 && /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/.test(text);
}
export const HOSTNAME_EXPECTED =
  'a host name: up to 64 letters, digits and "-", in labels of up to 63 that neither begin nor end with "-"';

const folder = () => text(/\S/, 'the path of a folder');

/** A `root:` as it stands in the file, with the keys of its method. */
export interface RootSection {
  readonly method: string;
  readonly source?: string | undefined;
  readonly [key: string]: unknown;
}

const METHOD_NAMES = ROOT_METHODS.map(({ name }) => name)
  .join(', ')
  .replace(/, (?=[^,]*$)/, ' or ');

const root = z
  .discriminatedUnion(
    'method',
    ROOT_METHODS.map(({ name, source, keys }) => {
      const shapes = Object.entries(keys).map(([key, { schema }]) => [key, schema] as const);
      return mapping({ method: z.literal(name), ...(source && { source }), ...Object.fromEntries(shapes) });
    }) as [ReturnType<typeof mapping<{ method: z.ZodLiteral<string> }>>],
    { error: ({ code }) => (code === 'invalid_union' ? METHOD_NAMES : 'a mapping such as { method: none }') },
  )
  .describe('How the initrd makes the root file system. Default: { method: none }, nothing is added.');

const args = z
  .array(
    textual(
      'kernel arguments: text in which no word begins with "#" or is "||", "&&" or ";", at which iPXE would cut the line',
      isKernelArgument,
    ),
    { error: 'a list of kernel arguments' },
  )
  .nullish()
  .describe('Kernel arguments. They add up: the image, each profile, the node.');

const vars = named(
  variableName(),
  z.union([z.string(), z.number(), z.boolean()], { error: 'a text, a number, true or false' }),
)
  .nullish()
  .describe('Variables for templates: text, numbers, true or false. They merge; the node has the last word.');

const action = oneOf(['boot', 'local', 'menu', 'ignore'])
  .optional()
  .describe(
    'boot an image, go on from the local disk, show a menu, or ignore the machine. Default: boot; menu with menu:.',
  );

const once = mapping({
  once: reference('an image').describe('The image that the machine boots until it has started, such as an installer.'),
  // biome-ignore lint/suspicious/noThenProperty: a schema's shape, which nothing awaits
  then: reference('an image, or local').optional().describe('What it boots from then on. Default: local.'),
})
  .optional()
  .describe('One image for the first boot, and what is booted from then on: ends install loops.');

const menu = mapping({
  images: z.array(reference('an image'), { error: 'a list of images' }).min(1).optional().describe('Default: all.'),
  local: z
    .boolean({ error: 'true or false' })
    .optional()
    .describe('Whether the local disk may be chosen. Default: true.'),
  default: reference('an image, or local').optional().describe('Default: the image of the machine, or local.'),
  timeout: wholeNumber(0, 86_400, ' of seconds').optional().describe('Seconds; 0 waits for ever. Default: 30.'),
})
  .nullish()
  .describe("A menu on the machine's screen, in place of booting at once.");

const image = reference('an image').optional().describe('The image to boot.');

const profile = oneOrList(reference('a profile'), 'the name of a profile')
  .optional()
  .describe('One profile or a list: later ones win, their args add up.');

const firmware = oneOf(['raspberry-pi'])
  .optional()
  .describe('The true firmware of a machine that claims to be a PC BIOS. Default: guessed from its requests.');

/** The keys of image, profile and node alike; the more specific section wins. */
const common = {
  template: textual(`the name of a template: ${NAME_EXPECTED}`, (t) => NAME.test(t))
    .optional()
    .describe("The script's template, without .ipxe.njk. Default: the root method's."),
  on_failure: mapping({
    action: oneOf(['shell', 'reboot']).optional().describe('Default: reboot.'),
    after: wholeNumber(1, 86_400, ' of seconds').optional().describe('Seconds. Default: 60.'),
  })
    .nullish()
    .describe('The action of iPXE when every retry has failed, and the seconds before it.'),
  ipxe: oneOf(['snponly.efi', 'ipxe.efi'])
    .optional()
    .describe("For UEFI: snponly.efi uses the firmware's network driver, ipxe.efi its own. Default: snponly.efi."),
  discovery: oneOf(['binl', 'bypass'])
    .optional()
    .describe('How UEFI PXE learns its boot file: by port 4011 (binl), or from the offer (bypass). Default: binl.'),
  firmware,
  containers,
};

const rollout = mapping({
  canary: wholeNumber(1, 10_000, ' of machines').describe('Machines that get a new version first.'),
  // biome-ignore lint/suspicious/noThenProperty: a schema's shape, which nothing awaits
  then: text(/^(?:[1-9]\d?|100)%$/, 'a share such as 25%')
    .optional()
    .describe('The share of all machines that get it next, once the first are up; then all. Default: 100%.'),
  within: wholeNumber(10, 86_400, ' of seconds')
    .optional()
    .describe('Seconds within which a machine must be up. Default: 900.'),
})
  .nullish()
  .describe('How a new version comes to machines: to some first, and to more only while they come up.');

/** What a machine is, as far as its image must fit it. */
const hardware = {
  arch: oneOf(ARCHITECTURES)
    .optional()
    .describe('The processor, to be compared with the kernel by "slipway check". Default: not compared.'),
  memory: textual(MEMORY_EXPECTED, (t) => parseMemory(t) !== undefined)
    .optional()
    .describe(
      'The memory, such as 2 GiB, or a number of MiB, to be compared with what the root needs. Default: not compared before the machine says it itself.',
    ),
};

const imageSection = mapping({
  rollout,
  keep_last_good: z
    .boolean({ error: 'true or false' })
    .optional()
    .describe('Whether a machine on which a new version failed twice gets the one before. Default: false.'),
  build: textual('the name of an image of "slipway image build"', isBuildName)
    .optional()
    .describe('The image of this name that "slipway image build" made: its kernel, its initrd and its root.'),
  kernel: source('The kernel'),
  initrd: oneOrList(source('An initrd'), 'a path below the artifacts folder or an http(s) URL')
    .nullish()
    .describe('One initrd or a list, in the order in which the kernel unpacks them.'),
  root: (root as unknown as z.ZodType<RootSection>).optional(),
  args,
  ...common,
});

/** What machines boot and what they are, as profiles, nodes and rules say it. */
const machine = { image, action, boot: once, menu, args, vars, ...hardware, ...common };

const profileSection = mapping({ ...machine, configuration }).nullable();

const labels = named(
  name(),
  textual('the text of a label', () => true),
)
  .nullish()
  .describe('Labels, which rules match.');

const match = (matchSection as unknown as z.ZodType<MatchSection>).optional();

const nodeSection = mapping({
  mac: oneOrList(
    textual('a MAC address such as 52:54:00:00:00:01', (t) => parseMac(t) !== undefined),
    'a MAC address such as 52:54:00:00:00:01',
    1,
  )
    .optional()
    .describe(
      'One address or a list; any case, with ":", "-" or dots (aabb.cc00.0002) or bare. Of a range, one for each node.',
    ),
  csv: text(/\S/, 'the path of a file of comma-separated values')
    .optional()
    .describe('For a range: a file with name, mac, uuid, serial, asset and hostname, relative to this file.'),
  match,
  labels,
  hostname: textual(HOSTNAME_EXPECTED, isHostname).optional().describe("Default: the node's name."),
  profile,
  ...machine,
  configuration,
});

const ruleSection = mapping({
  match: (matchSection as unknown as z.ZodType<MatchSection>).describe('What machines must be to get these settings.'),
  profile,
  ...machine,
});

/** @param port the usual one */
const service = <T extends Shape>(port: number, more: T) =>
  z
    .union([z.literal(false), mapping({ port: wholeNumber(1, 65_535).optional(), ...more })], {
      error: `a mapping such as { port: ${port} }, or false`,
    })
    .nullish();

const http = {
  workers: wholeNumber(1, 64)
    .optional()
    .describe('Processes that answer; 1: the daemon itself. Default: by the number of processors.'),
  sendfile: z
    .boolean({ error: 'true or false' })
    .optional()
    .describe(
      'Whether the kernel sends files by itself (sendfile), which takes least processor time. Default: true, where it can.',
    ),
  buffer_memory: wholeNumber(1, 65_536, ' of MiB')
    .optional()
    .describe('The memory of all downloads together for buffers, in MiB. Default: 32.'),
  connections_per_address: wholeNumber(1, 10_000)
    .optional()
    .describe('Connections that one address may have at each worker. Default: 2500, of 10000 in all.'),
  url: serverUrl
    .optional()
    .describe("The URL that nodes get, for a proxy in front. Default: this server's address and port."),
};

const serverSection = mapping({
  interface: interfaceName
    .optional()
    .describe('The interface to serve; DHCP hears no other. Default: that of the default route.'),
  address: serverAddress
    .optional()
    .describe("The address that nodes get. Default: the interface's first IPv4 address."),
  interfaces: servedInterfaces,
  listen: oneOf(['served', 'any'])
    .optional()
    .describe(
      'Whether HTTP, TFTP and NBD listen on the served addresses alone, or on all of this machine. Default: served.',
    ),
  http: service(8080, http).describe('Default: { port: 8080 }; false turns it off.'),
  tftp: service(69, {}).describe('Default: { port: 69 }; false turns it off.'),
  nbd: service(10_809, {}).describe(
    'For roots that are read on demand; listens where an image uses method lazy. Default: { port: 10809 }; false turns it off.',
  ),
  dhcp: z
    .union([z.literal(false), mapping({ mode: oneOf(['proxy', 'off']).optional() })], {
      error: 'a mapping such as { mode: proxy }, or false',
    })
    .nullish()
    .describe('Default: { mode: proxy }; off, or false, leaves DHCP to another server altogether.'),
  ipxe: folder()
    .optional()
    .describe('A folder with iPXE binaries of your own, relative to this file, looked into first.'),
  dashboard: z
    .boolean({ error: 'true or false' })
    .optional()
    .describe('Whether the dashboard is served at /. Default: true.'),
  registry: registrySection
    .optional()
    .describe(
      'Whether the images that were built are offered as a registry, read-only, and whose images beside them. Default: false.',
    ),
  metrics: metricsSection
    .optional()
    .describe('Whether /metrics is served, for Prometheus; who may read the API may read it. Default: true.'),
});

const STATE = 'the path of a file, a URL such as postgres://slipway@db.example.net/slipway, or false';

const unknownSection = mapping({
  action: oneOf(['ignore', 'local', 'boot', 'menu']).optional().describe('Default: ignore.'),
  profile,
  image,
  menu,
  firmware,
});

/** The whole file; an empty one is valid. A section without content counts as absent. */
export const configSchema = mapping({
  server: serverSection.nullish().describe('The addresses and services of this server.'),
  artifacts: folder()
    .optional()
    .describe('The folder of kernels, initrds and roots, relative to this file. Default: ./artifacts.'),
  templates: folder()
    .optional()
    .describe('A folder of script templates of your own, relative to this file: NAME.ipxe.njk.'),
  state: z
    .union([z.literal(false), text(/^(?:postgres(?:ql)?:\/\/\S+|(?!.*:\/\/).*\S)/, STATE)], { error: STATE })
    .optional()
    .describe(
      'Where boots are kept: an SQLite file, relative to this file, or a PostgreSQL database for several daemons, postgres://USER@HOST/DATABASE. Default: ./slipway.db; false keeps none.',
    ),
  api: mapping({
    tokens: z
      .union([z.literal(false), text(/\S/, 'the path of a file')], { error: 'the path of a file, or false' })
      .optional()
      .describe(
        'The file of tokens for changes, relative to this file; it is made where it is missing. Default: ./slipway.tokens; false: nothing is changed by the API.',
      ),
    read: oneOf(['any', 'token']).optional().describe('Whether reading needs a token too. Default: any.'),
  })
    .nullish()
    .describe('The API at /api/v1.'),
  traces: tracesSection.nullish().describe('Where each boot is sent as a trace, for OpenTelemetry. Default: nowhere.'),
  webhooks: webhooksSection.nullish().describe('Receivers of events, by name; requests are signed.'),
  images: named(name(), imageSection).nullish().describe('Operating systems by name.'),
  configuration,
  stores,
  profiles: named(name(), profileSection).nullish().describe('Settings that nodes share, by name.'),
  nodes: named(nodeName(), nodeSection).nullish().describe('Machines by name.'),
  rules: named(name(), ruleSection)
    .nullish()
    .describe('Settings of machines by what they are, by name. The most specific rule wins; a node wins over rules.'),
  unknown: unknownSection.nullish().describe('The settings of machines that no node names.'),
});

/** The sections of a file; of nodes, those that a range stands for. */
export type ConfigFile = z.infer<typeof configSchema>;
export type NodeSection = z.infer<typeof nodeSection> & {
  /** The key in the file, where that is a range. */
  readonly range?: string;
};
export type RuleSection = z.infer<typeof ruleSection>;
export type ImageSection = z.infer<typeof imageSection>;
