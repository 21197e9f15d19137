// The floor plan of `src`: its rooms, what each may import, and where each touches the system. The linter's rules
// (biome.json) and the table in docs/architecture.md are made from it: `npm run tables` writes both.

/** A folder of `src`. */
export interface Room {
  /** Its path below `src`. */
  readonly name: string;
  readonly holds: string;
  /** The other rooms that it may import. */
  readonly imports: readonly string[];
  /** The files that may use `node:fs`; all of them where this is left out. */
  readonly files?: readonly string[];
  /** The file that may open sockets. */
  readonly sockets?: string;
}

const TAR = ['model'];
const OCI = [...TAR, 'images/tar'];
const TOOLS = [...OCI, 'images/oci'];
const ROOTFS = [...TOOLS, 'images/tools'];
const STORE = [...ROOTFS, 'images/rootfs', 'artifacts'];
const OUTPUT = [...STORE, 'images/store'];
const MEDIA = [...OUTPUT, 'images/output'];
const BUILD = [...MEDIA, 'images/media'];

/** From the ground up. */
export const ROOMS: readonly Room[] = [
  { name: 'model', holds: 'the words that all rooms share; pure', imports: [], files: [] },
  {
    name: 'config',
    holds: 'YAML to a configuration, or to problems with file, line and column',
    imports: ['model'],
    files: ['watch.ts', 'load/load.ts', 'edit/adopt.ts'],
  },
  {
    name: 'ipxe-templates',
    holds: 'boot plans to scripts: the templates, and what finds their mistakes',
    imports: ['model'],
    files: ['nunjucks/load.ts'],
  },
  {
    name: 'model/sockets',
    holds: 'UDP sockets, system calls on sockets that Node lacks, ports that cannot be had',
    imports: ['model'],
    files: ['syscalls.ts'],
    sockets: 'listen.ts',
  },
  {
    name: 'dhcp',
    holds: 'packets, the whole proxyDHCP policy as one pure function, replies, the sockets',
    imports: ['model', 'model/sockets'],
    files: [],
  },
  {
    name: 'tftp',
    holds: 'packets, the transfer as a state machine without a clock, the sockets',
    imports: ['model', 'model/sockets'],
    files: [],
  },
  {
    name: 'nbd',
    holds: 'negotiation, requests, connections; read-only',
    imports: ['model', 'model/sockets'],
    files: [],
  },
  {
    name: 'artifacts',
    holds: 'folders of files by digest; artifacts by path, their versions, hash trees, iPXE binaries',
    imports: ['model'],
  },
  {
    name: 'http',
    holds: 'routes, how bytes are sent, the worker processes',
    imports: ['model', 'model/sockets', 'artifacts'],
  },
  { name: 'images/tar', holds: 'tar archives, read and written', imports: TAR, files: [] },
  { name: 'images/oci', holds: 'image documents and OCI archives', imports: OCI, files: [] },
  { name: 'images/tools', holds: 'the programs that are run, decompression, progress', imports: TOOLS },
  {
    name: 'images/rootfs',
    holds: 'layers to one tree, and what is found in it: kernel, policy, release',
    imports: ROOTFS,
    files: [],
  },
  { name: 'images/store', holds: 'built images and fetched blobs on disk', imports: STORE },
  {
    name: 'images/mirror',
    holds: "other registries' images: fetched when they are asked for, and kept",
    imports: ['model', 'artifacts'],
  },
  { name: 'images/output', holds: 'the files of a build', imports: OUTPUT },
  { name: 'images/media', holds: 'disks, USB drives, unified kernel images', imports: MEDIA },
  { name: 'images/builder', holds: '`slipway image build`, step by step', imports: BUILD },
  {
    name: 'daemon',
    holds: 'what the daemon is composed of: services, the state that they answer from, reloading',
    imports: [
      ...[...MEDIA, 'images/mirror', 'config', 'ipxe-templates', 'model/sockets', 'dhcp', 'tftp', 'nbd', 'http'],
      'daemon/observe',
    ],
  },
  {
    name: 'daemon/observe',
    holds: 'what tells others of events: metrics, traces, webhooks',
    imports: ['model'],
    files: [],
  },
  {
    name: 'commands',
    holds: 'one file for each command',
    imports: [...OUTPUT, 'config', 'ipxe-templates', 'daemon', 'daemon/observe'],
  },
  {
    name: 'commands/image',
    holds: '`slipway image`: the only commands that build',
    imports: [...BUILD, 'images/builder', 'config', 'commands'],
  },
  {
    name: 'commands/setup',
    holds: 'what sets up a server: a first configuration from what the network has, nodes, programs in front of it',
    imports: [...OUTPUT, 'config', 'model/sockets', 'dhcp', 'daemon', 'commands'],
  },
  {
    name: 'commands/line',
    holds: 'the command line as data, and what is made from it: help, manual pages, completion; `slipway serve`',
    imports: ['model', 'model/sockets', 'images/tools', 'daemon', 'commands', 'commands/image', 'commands/setup'],
    files: [],
  },
];

/** The imports of a room's files, as another room writes them: `../oci/**` between rooms of one folder. */
function importsOf(name: string, from: string): string {
  if (name.startsWith(`${from}/`)) return `**/${name.slice(from.length + 1)}/**`;
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  return folder !== '' && from.startsWith(folder) ? `../${name.slice(folder.length)}/**` : `**/${name}/**`;
}

function rules({ imports, name }: Room, files: boolean, sockets: boolean) {
  const strangers = ROOMS.filter((room) => room.name !== name && !imports.includes(room.name));
  const neighbours = [...strangers.map((room) => importsOf(room.name, name)), '**/cli.ts'];
  const patterns = [
    { group: neighbours, message: `${name} may not import this room: see scripts/rooms.ts.` },
    ...(files ? [] : [{ group: ['node:fs', 'node:fs/promises'], message: 'Files are read and written at the edges.' }]),
    ...(sockets ? [] : [{ group: ['node:dgram'], message: 'Sockets are opened in server.ts.' }]),
  ];
  return { linter: { rules: { style: { noRestrictedImports: { level: 'error', options: { patterns } } } } } };
}

/** The linter's rules of all rooms: `overrides` of biome.json. */
export function linterOverrides(): object[] {
  return ROOMS.flatMap((room) => {
    const { name, files, sockets } = room;
    const edges = files ?? [];
    return [
      { includes: [`src/${name}/**`], ...rules(room, files === undefined, false) },
      ...(edges.length > 0
        ? [{ includes: edges.map((file) => `src/${name}/${file}`), ...rules(room, true, false) }]
        : []),
      ...(sockets === undefined
        ? []
        : [{ includes: [`src/${name}/${sockets}`], ...rules(room, files === undefined, true) }]),
    ];
  });
}

/** The rooms as a table in Markdown. */
export function floorPlan(): string {
  const rows = ROOMS.map(({ name, holds, imports }) => {
    const others = imports.map((each) => each.replace('images/', '')).join(', ');
    return `| \`${name}\` | ${holds} | ${others || 'nothing'} |`;
  });
  return ['| room | what it holds | what it may import |', '|---|---|---|', ...rows].join('\n');
}
