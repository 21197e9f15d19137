import { expect, it, test } from 'vitest';
import { configOf, problemsOf } from './read.ts';

const file = (root: string) => `images:
  ci:
    kernel: linux
    root:
      method: b2c
      containers: [alpine]
      ${root}
nodes: { n: { mac: 525400000001, image: ci } }
`;

it.each<[line: string, expected: string]>([
  [
    `services: ["x sh -c 'a'", 'x sh -c "a"']`,
    `services[1]: expected podman's arguments with no '"', which boot2container drops: use "'"`,
  ],
  [
    "services: [x sh -c 'a && b']",
    'services[0]: expected podman\'s arguments with no word that begins with "#" or is "||", "&&" or ";", at which iPXE would cut the line; a mapping with "image:" and "command:" can have it',
  ],
  ['services: ["x #1"]', 'services[0]: expected podman\'s arguments with no word that begins with "#"'],
  [
    'services: ["x $' + '{ip}"]',
    'services[0]: expected podman\'s arguments with no "$' + '{", which iPXE would expand; a mapping',
  ],
  ['services: ["x  y"]', "services[0]: expected podman's arguments with single blanks between words"],
  ['services: [" "]', "services[0]: expected podman's arguments with an image in them"],
  ['services: ["x\\ny"]', '"x\\ny" has a line break (U+000A): expected plain text'],
  ['services: [{ command: [a] }]', 'services[0].image is missing: expected an image such as docker://'],
  [
    'services: [{ image: x, comand: [a] }]',
    'unknown key "comand" in images.ci.root.services[0]: did you mean "command"?',
  ],
  [
    `services: [{ image: x, command: ['"'] }]`,
    `services[0].command[0]: expected text with no '"', which boot2container drops`,
  ],
  ['services: [{ image: x, env: { 1A: b } }]', 'the name "1A" in images.ci.root.services[0].env: expected letters'],
  ['services: [{ image: x, user: !secret env:A }]', 'services[0].user: expected a user, found a secret'],
  ['services: alpine', 'services: expected a list of containers, found "alpine"'],
  ['pipefail: 1', 'pipefail: expected true or false, found 1'],
  ['cache_device: nas', 'cache_device is no name of an entry of "filesystems:": expected none, auto, reset, a device'],
  ['swap: much', 'swap: expected a size such as 4G, found "much"'],
  [
    'filesystems: [{ name: n, source: "a,b" }]',
    'filesystems[0].source: expected a source with no blank, comma, quote, backslash or "|"',
  ],
  [
    'filesystems: [{ name: n, source: a }, { name: n, source: b }]',
    'filesystems[1].name is the name of filesystems[0] too',
  ],
  [
    '{ minio: [{ name: s, url: s3, access_key: a, secret_key: b }] }'.slice(2, -2),
    'minio[0].url: expected the URL of the store, found "s3"',
  ],
  [
    'minio: [{ name: s, url: "http://s3", access_key: a, secret_key: "b c" }]',
    'minio[0].secret_key: expected a key with no blank',
  ],
  [
    'volumes: [{ name: v, mirror: s/b }]',
    'volumes[0].mirror names no store: expected NAME/BUCKET with a name of "minio:"',
  ],
  ['volumes: [{ name: v, filesystem: f }]', 'volumes[0].filesystem is no name of an entry of "filesystems:"'],
  [
    'volumes: [{ name: v, push_on: [changes] }]',
    'volumes[0].push_on[0]: expected pipeline_start, container_start, container_end or pipeline_end',
  ],
  ['volumes: [{ name: v, push_on: always }]', 'volumes[0].push_on: expected changes, or a list of pipeline_start'],
  [
    'interfaces: [{ name: eth0, address: 192.0.2.7 }]',
    'interfaces[0].address: expected an address such as 192.0.2.7/24',
  ],
  [
    'interfaces: [{ name: eth0, routes: [{ network: 2001:db8::/32, via: 192.0.2.1 }] }]',
    'interfaces[0].routes[0].network: expected an IPv4 network',
  ],
  ['insmods: ["a,b"]', 'insmods[0]: expected the file of a kernel module such as e1000e.ko'],
  ['shutdown_cmd: sync ; poweroff', 'shutdown_cmd: expected a command with no word that begins with "#"'],
  ['poweroff_delay: soon', 'poweroff_delay: expected a whole number of seconds from 0 to 86400, found "soon"'],
  ['ntp_peer: a b', 'ntp_peer: expected none, auto, or a host'],
  ['hostname: a_b', 'hostname: expected a host name'],
  ['source: x', 'unknown key "source" in images.ci.root'],
])('%s is told with its place', (line, expected) => {
  const problems = problemsOf(file(line));
  expect(problems).toEqual([expect.stringMatching(/^7:\d+: /)]);
  const [, column, message] = /^7:(\d+): (?:images\.ci\.root\.)?([\s\S]*)$/.exec(problems[0] ?? '') ?? [];
  expect(message).toContain(expected);
  expect(Number(column)).toBeGreaterThan(6);
});

test('entries without a name are no doubles', () => {
  expect(problemsOf(file('filesystems: [{ source: a }, { source: b }]'))).toEqual([
    expect.stringContaining('filesystems[0].name is missing'),
    expect.stringContaining('filesystems[1].name is missing'),
  ]);
});

test('a pipeline has a container', () => {
  const without = file('').replace('containers: [alpine]', 'services: [alpine]');
  expect(problemsOf(without)).toEqual([
    expect.stringMatching(
      /^4:5: images\.ci\.root\.containers has no container: without one, boot2container only powers/,
    ),
  ]);
  expect(problemsOf(without.replace('services:', 'post_containers:'))).toEqual([]);
});

test('a file system with a secret cannot be the cache device', () => {
  const line = 'filesystems: [{ name: nas, source: s, options: [!secret env:A] }]';
  expect(problemsOf(file(line))).toEqual([]);
  expect(problemsOf(file(line).replace('containers:', 'cache_device: nas\n      containers:'))).toEqual([
    expect.stringMatching(/^8:54: images\.ci\.root\.filesystems\[0\]\.options cannot have secrets/),
  ]);
});

test('a secret stays a reference, and other root methods take none', () => {
  const [node] = configOf(file('services: [{ image: x, env: { A: !secret env:A }, command: [!secret file:b] }]')).nodes;
  expect(node?.settings.image?.value.root).toMatchObject({
    services: [{ image: 'x', env: { A: { '!secret': 'env:A' } }, command: [{ '!secret': 'file:b' }] }],
  });
  const other = 'images: { i: { kernel: k, root: { method: bootc-live, source: r, label: !secret env:A } } }\n';
  expect(problemsOf(other)).toEqual([expect.stringContaining('expected the label of an image in the archive')]);
  const args = 'images: { i: { kernel: k, args: [!secret env:A] } }\n';
  expect(problemsOf(args)).toEqual([
    expect.stringContaining('a secret is for values below "configuration:", "containers:" or "stores:"'),
  ]);
});
