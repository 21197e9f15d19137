import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/yaml/parse.ts';
import { formatProblem } from '../../src/model/settings/config.ts';
import { FIRST_FILE, problemsOf, withNodes } from './read.ts';

const SOURCE = 'a path below the artifacts folder (relative, without "..") or an http(s) or tftp URL';
const MAC = 'a MAC address such as 52:54:00:00:00:01';
const NAME = 'letters, digits, ".", "_" and "-", with a letter or digit first';
const HOSTNAME =
  'a host name: up to 64 letters, digits and "-", in labels of up to 63 that neither begin nor end with "-"';
const ARG =
  'kernel arguments: text in which no word begins with "#" or is "||", "&&" or ";", at which iPXE would cut the line';

type Case = readonly [text: string, ...problems: string[]];

function check(cases: readonly Case[], wrap: (text: string) => string = (text) => text): void {
  it.each(cases.map(([text, ...problems]) => ({ text, problems })))('$text', ({ text, problems }) => {
    expect(problemsOf(wrap(text))).toEqual(problems);
  });
}

describe('text that is no YAML', { timeout: 60_000 }, () => {
  check([
    ['a: [1, 2', '1:9: YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['server:\n\thttp: false', '2:1: YAML: Tabs are not allowed as indentation'],
    ['a: b: c', '1:4: YAML: Nested mappings are not allowed in compact mappings'],
    ['a: 1\n---\nb: 2', '2:1: YAML: Source contains multiple documents; please use YAML.parseAllDocuments()'],
    ['a: *b', '1:4: the alias "b" has no anchor before it'],
    ['a: &b [*b]', '1:8: the alias "b" is inside the value that it refers to'],
    ['a: !!binary aGk=', '1:13: unknown tag "tag:yaml.org,2002:binary": expected a value without a tag'],
    ['nodes: !node {}', '1:14: unknown tag "!node": expected a value without a tag'],
    [`a: ${'['.repeat(60)}${']'.repeat(60)}`, '1:54: nested more than 50 levels deep'],
  ]);

  it('may be nested beyond every bound', () => {
    for (const bracket of ['[', '{ a: ', '- ', '? ', '[{']) {
      expect(problemsOf(bracket.repeat(5_000))[0]).toMatch(/^1:\d+: YAML: nested too deeply$/);
    }
  });

  it('may stand for billions of values', () => {
    const lines = Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(10)}]`);
    const problems = problemsOf(`a0: &a0 [x]\n${lines.join('\n')}`);
    expect(problems).toEqual(['7:15: aliases stand for more than 1000000 values']);
  });
});

describe('unknown keys', () => {
  check([
    ['sever: {}', '1:1: unknown key "sever": did you mean "server"?'],
    [
      'foo: 1',
      '1:1: unknown key "foo": expected one of server, artifacts, templates, state, api, traces, webhooks, images, configuration, stores, profiles, nodes, rules, unknown',
    ],
    [
      'server:\n  Port: 1\n  tftp: { prot: 69 }',
      '2:3: unknown key "Port" in server: expected one of interface, address, interfaces, listen, http, tftp, nbd, dhcp, ipxe, dashboard, registry, metrics',
      '3:11: unknown key "prot" in server.tftp: expected port',
    ],
    ['images: { a: { kernel: k, kernal: k } }', '1:27: unknown key "kernal" in images.a: did you mean "kernel"?'],
    [
      'images: { a: { kernel: k, root: { method: live, source: s, size: 3G } } }',
      '1:60: unknown key "size" in images.a.root: expected one of method, source, readonly, ram',
    ],
    ['profiles: { p: { arg: [a] } }', '1:18: unknown key "arg" in profiles.p: did you mean "args"?'],
    [
      'profiles: { p: { on_failure: { then: shell } } }',
      '1:32: unknown key "then" in profiles.p.on_failure: expected one of action, after',
    ],
    [
      'unknown: { args: [a] }',
      '1:12: unknown key "args" in unknown: expected one of action, profile, image, menu, firmware',
    ],
  ]);
});

describe('keys', () => {
  check([
    ['server: {}\nserver: {}', '2:1: duplicate key "server": it is already at line 1, column 1'],
    ['profiles: { 7: {}, "7": {} }', '1:20: duplicate key "7": it is already at line 1, column 13'],
    [
      'profiles: { "a\\tb": {} }',
      `1:13: "a\\tb" has a control character (U+0009): expected plain text`,
      `1:13: the name "a\\tb" in profiles: expected ${NAME}`,
    ],
    ['? [a, b]\n: 1', '1:3: a key must be text'],
    ['profiles: { __proto__: {} }', '1:13: a key must be text, and not __proto__'],
    ['profiles: { a b: {} }', `1:13: the name "a b" in profiles: expected ${NAME}`],
    [
      'profiles: { "": {}, -a: {}, ..: {} }',
      `1:13: the name "" in profiles: expected ${NAME}`,
      `1:21: the name "-a" in profiles: expected ${NAME}`,
      `1:29: the name ".." in profiles: expected ${NAME}`,
    ],
    ['images: { a/b: { kernel: k } }', `1:11: the name "a/b" in images: expected ${NAME}`],
    [
      'profiles: { p: { vars: { a-b: 1, 1a: 2 } } }',
      '1:26: the name "a-b" in profiles.p.vars: expected letters, digits and "_", with no digit first',
      '1:34: the name "1a" in profiles.p.vars: expected letters, digits and "_", with no digit first',
    ],
  ]);
});

describe('wrong types', () => {
  check([
    ['text', '1:1: the file: expected a mapping, found "text"'],
    ['[a]', '1:1: the file: expected a mapping, found a list'],
    ['server: 1', '1:9: server: expected a mapping, found 1'],
    ['nodes: [a]', '1:8: nodes: expected a mapping, found a list'],
    ['artifacts:', '1:1: artifacts: expected the path of a folder, found nothing'],
    ['templates: { a: b }', '1:12: templates: expected the path of a folder, found a mapping'],
    [
      'server: { interface: 7 }',
      '1:22: server.interface: expected the name of a network interface, up to 15 characters, found 7',
    ],
    ['server: { http: true }', '1:17: server.http: expected a mapping such as { port: 8080 }, or false, found true'],
    ['server: { tftp: 69 }', '1:17: server.tftp: expected a mapping such as { port: 69 }, or false, found 69'],
    ['server: { dhcp: { mode: on } }', '1:25: server.dhcp.mode: expected proxy or off, found "on"'],
    ['images: { a: }', '1:11: images.a: expected a mapping, found nothing'],
    ['images: { a: {} }', `1:11: images.a.kernel is missing: expected ${SOURCE}`],
    ['images: { a: { kernel: 7 } }', `1:24: images.a.kernel: expected ${SOURCE}, found 7`],
    [
      'images: { a: { kernel: k, args: quiet } }',
      '1:33: images.a.args: expected a list of kernel arguments, found "quiet"',
    ],
    [
      'images: { a: { kernel: k, root: live } }',
      '1:33: images.a.root: expected a mapping such as { method: none }, found "live"',
    ],
    [
      'images: { a: { kernel: k, root: { source: x } } }',
      '1:27: images.a.root.method is missing: expected bootc-live, container-root, image, live, lazy, containers, b2c or none',
    ],
    [
      'images: { a: { kernel: k, root: { method: nfs } } }',
      '1:43: images.a.root.method: expected bootc-live, container-root, image, live, lazy, containers, b2c or none, found "nfs"',
    ],
    [
      'images: { a: { kernel: k, root: { method: lazy, source: http://192.0.2.1/x } } }',
      '1:57: images.a.root.source: expected a path below the artifacts folder (relative, without ".."), for this method no URL, found "http://192.0.2.1/x"',
    ],
    [
      'server: { nbd: false }\nimages: { a: { kernel: k, root: { method: lazy, source: s } } }',
      '2:43: images.a.root.method: roots of method lazy are read over NBD, which slipway.yaml:1:16 turns off',
    ],
    [
      'images: { a: { kernel: k, root: { method: live } } }',
      `1:27: images.a.root.source is missing: expected ${SOURCE}`,
    ],
    [
      'profiles: { p: { vars: { a: [1], b: } } }',
      '1:29: profiles.p.vars.a: expected a text, a number, true or false, found a list',
      '1:34: profiles.p.vars.b: expected a text, a number, true or false, found nothing',
    ],
    ['unknown: boot', '1:10: unknown: expected a mapping, found "boot"'],
    ['unknown: { action: true }', '1:20: unknown.action: expected ignore, local, boot or menu, found true'],
  ]);
});

describe('wrong values', () => {
  const PORT = 'server.http.port: expected a whole number from 1 to 65535';
  check([
    ['server: { http: { port: 0 } }', `1:25: ${PORT}, found 0`],
    ['server: { http: { port: 65536 } }', `1:25: ${PORT}, found 65536`],
    ['server: { http: { port: 80.5 } }', `1:25: ${PORT}, found 80.5`],
    ['server: { http: { port: "80" } }', `1:25: ${PORT}, found "80"`],
    ['server: { http: { port: 0x50 } }', `1:25: ${PORT}, found "0x50"`],
    ['server: { http: { port: .inf } }', `1:25: ${PORT}, found ".inf"`],
    ...['192.0.2', '192.0.2.256', '192.0.2.01', '0.0.0.0', '224.0.0.1', 'example.org', '"::1"'].map(
      (a): Case => [
        `server: { address: ${a} }`,
        `1:20: server.address: expected the IPv4 address of this server, such as 192.0.2.10, found "${a.replaceAll('"', '')}"`,
      ],
    ),
    [
      'server: { interface: a-name-that-is-too-long }',
      '1:22: server.interface: expected the name of a network interface, up to 15 characters, found "a-name-that-is-too-long"',
    ],
    ...[
      '/k',
      '../k',
      'a/../k',
      'a/',
      '.',
      './',
      '..',
      'a/..',
      'ftp://example.org/k',
      'http://',
      '"http://a b/"',
      '""',
    ].map(
      (s): Case => [
        `images: { a: { kernel: ${s} } }`,
        `1:24: images.a.kernel: expected ${SOURCE}, found "${s.replaceAll('"', '')}"`,
      ],
    ),
    ['images: { a: { kernel: k, initrd: [i, /j] } }', `1:39: images.a.initrd[1]: expected ${SOURCE}, found "/j"`],
    [
      'images: { a: { kernel: k, root: { method: container-root, source: s, size: 3 GB } } }',
      '1:76: images.a.root.size: expected a size such as 3G, 800M or 75%, found "3 GB"',
    ],
    [
      'images: { a: { kernel: k, root: { method: container-root, source: s, size: 101% } } }',
      '1:76: images.a.root.size: expected a size such as 3G, 800M or 75%, found "101%"',
    ],
    [
      'images: { a: { kernel: k, root: { method: bootc-live, source: s, label: a b } } }',
      '1:73: images.a.root.label: expected the label of an image in the archive, such as latest, found "a b"',
    ],
    [
      'profiles: { p: { template: ../x } }',
      `1:28: profiles.p.template: expected the name of a template: ${NAME}, found "../x"`,
    ],
    [
      'profiles: { p: { on_failure: { action: halt, after: 0 } } }',
      '1:40: profiles.p.on_failure.action: expected shell or reboot, found "halt"',
      '1:53: profiles.p.on_failure.after: expected a whole number of seconds from 1 to 86400, found 0',
    ],
    [
      'profiles: { p: { ipxe: undionly.kpxe, discovery: none } }',
      '1:24: profiles.p.ipxe: expected snponly.efi or ipxe.efi, found "undionly.kpxe"',
      '1:50: profiles.p.discovery: expected binl or bypass, found "none"',
    ],
    [
      'profiles: { p: { args: [true, [a], { a: b }, "", ~] } }',
      `1:25: profiles.p.args[0]: expected ${ARG}, found true`,
      `1:31: profiles.p.args[1]: expected ${ARG}, found a list`,
      `1:36: profiles.p.args[2]: expected ${ARG}, found a mapping`,
      `1:46: profiles.p.args[3]: expected ${ARG}, found ""`,
      `1:50: profiles.p.args[4]: expected ${ARG}, found nothing`,
    ],
    [
      'profiles: { p: { args: ["a || b", "#a", "x && y", "a ; b"] } }',
      `1:25: profiles.p.args[0]: expected ${ARG}, found "a || b"`,
      `1:35: profiles.p.args[1]: expected ${ARG}, found "#a"`,
      `1:41: profiles.p.args[2]: expected ${ARG}, found "x && y"`,
      `1:51: profiles.p.args[3]: expected ${ARG}, found "a ; b"`,
    ],
  ]);
});

describe('control characters', () => {
  check([
    ['artifacts: "a\\nb"', '1:12: "a\\nb" has a line break (U+000A): expected plain text'],
    ['artifacts: "a\\rb"', '1:12: "a\\rb" has a line break (U+000D): expected plain text'],
    ['artifacts: "a\\0b"', '1:12: "a\\u0000b" has a control character (U+0000): expected plain text'],
    ['artifacts: "a\\x1bb"', '1:12: "a\\u001bb" has a control character (U+001B): expected plain text'],
    ['artifacts: "a\\x7fb"', '1:12: "a\\u007fb" has a control character (U+007F): expected plain text'],
    ['artifacts: "a\\Nb"', '1:12: "a\\u0085b" has a control character (U+0085): expected plain text'],
    ['artifacts: "a\\x9bb"', '1:12: "a\\u009bb" has a control character (U+009B): expected plain text'],
    ['artifacts: "a\\Lb"', '1:12: "a\\u2028b" has a line break (U+2028): expected plain text'],
    ['artifacts: "a\\Pb"', '1:12: "a\\u2029b" has a line break (U+2029): expected plain text'],
    ['artifacts: a\tb', '1:12: "a\\tb" has a control character (U+0009): expected plain text'],
    ['artifacts: a\u0007b', '1:12: "a\\u0007b" has a control character (U+0007): expected plain text'],
    ['artifacts: "\\ud800"', '1:12: "\\ud800" has half a surrogate pair (U+D800): expected plain text'],
    [
      'profiles:\n  p:\n    args:\n      - |\n        quiet\n',
      '4:9: "quiet\\n" has a line break (U+000A): expected plain text',
    ],
    ['profiles: { p: { vars: { a: "x\\ny" } } }', '1:29: "x\\ny" has a line break (U+000A): expected plain text'],
    [
      '"a\\nb": 1',
      '1:1: "a\\nb" has a line break (U+000A): expected plain text',
      '1:1: unknown key "a\\nb": expected one of server, artifacts, templates, state, api, traces, webhooks, images, configuration, stores, profiles, nodes, rules, unknown',
    ],
  ]);

  it('may stand in comments', () => {
    expect(problemsOf('# a\tb\u0007\nserver: {} # \u001b\n')).toEqual([]);
  });
});

describe('nodes', () => {
  check(
    [
      ['  n1:', '4:3: nodes.n1: expected a mapping, found nothing'],
      ['  n1: { image: debian }', `4:3: nodes.n1.mac is missing: expected ${MAC}, or a list of them, or "match:"`],
      ['  n1: { mac: , image: debian }', `4:9: nodes.n1.mac: expected ${MAC}, or a list of them, found nothing`],
      [
        '  n1: { mac: [], image: debian }',
        `4:14: nodes.n1.mac: expected ${MAC}, or a list of them, found an empty list`,
      ],
      ['  n1: { mac: 52:54:00:00:00, image: debian }', `4:14: nodes.n1.mac: expected ${MAC}, found "52:54:00:00:00"`],
      ['  n1: { mac: 1, image: debian }', `4:14: nodes.n1.mac: expected ${MAC}, found 1`],
      [
        '  n1: { mac: [525400000001, 52:54-00:00:00:02], image: debian }',
        `4:29: nodes.n1.mac[1]: expected ${MAC}, found "52:54-00:00:00:02"`,
      ],
      [
        '  n1: { mac: { a: b }, image: debian }',
        `4:14: nodes.n1.mac: expected ${MAC}, or a list of them, found a mapping`,
      ],
      ['  n1: { mac: [[525400000001]], image: debian }', `4:15: nodes.n1.mac[0]: expected ${MAC}, found a list`],
      [
        '  n1: { mac: 525400000001, image: debian, action: off }',
        '4:51: nodes.n1.action: expected boot, local, menu or ignore, found "off"',
      ],
      [
        '  n1: { mac: 525400000001 }',
        '4:3: node "n1" boots but has no image: expected "image:" here or in one of its profiles, or "action:" with local or ignore',
      ],
      ['  n1: { mac: 525400000001, action: local }'],
      ['  n1: { mac: 525400000001, action: ignore }'],
      ['  n1: { mac: 525400000001, profile: compute }'],
      [
        '  n1: { mac: 525400000001, image: debain }',
        '4:35: nodes.n1.image: there is no image "debain": did you mean "debian"?',
      ],
      [
        '  n1: { mac: 525400000001, image: fedora }',
        '4:35: nodes.n1.image: there is no image "fedora": expected debian',
      ],
      [
        '  n1: { mac: 525400000001, profile: Compute }',
        '4:37: nodes.n1.profile: there is no profile "Compute": did you mean "compute"?',
      ],
      [
        '  n1: { mac: 525400000001, profile: [compute, gpu] }',
        '4:47: nodes.n1.profile[1]: there is no profile "gpu": expected compute',
      ],
      [
        '  n1: { mac: 525400000001, profile: { a: b } }',
        '4:3: node "n1" boots but has no image: expected "image:" here or in one of its profiles, or "action:" with local or ignore',
        '4:37: nodes.n1.profile: expected the name of a profile, or a list of them, found a mapping',
      ],
      [
        '  n1: { mac: 525400000001, profile: constructor }',
        '4:37: nodes.n1.profile: there is no profile "constructor": expected compute',
      ],
      [
        '  n_1: { mac: 525400000001, image: debian }',
        `4:3: the name "n_1" cannot be the host name too: expected "hostname:" with ${HOSTNAME}`,
      ],
      ...['-a', 'a-', 'a..b', 'a_b', '.a', 'a.', 'ä', 'a'.repeat(64)].map(
        (h): Case => [
          `  n1: { mac: 525400000001, image: debian, hostname: ${h} }`,
          `4:53: nodes.n1.hostname: expected ${HOSTNAME}, found "${h.length > 60 ? `${h.slice(0, 59)}…` : h}"`,
        ],
      ),
      [`  n1: { mac: 525400000001, image: debian, hostname: ${'a'.repeat(63)} }`],
      [`  n1: { mac: 525400000001, image: debian, hostname: ${'a'.repeat(62)}.b }`],
    ],
    withNodes,
  );

  it('must have addresses of their own, in whatever spelling', () => {
    const text = withNodes(`  n1: { mac: [52:54:00:00:00:01, 5254.0000.0001], image: debian }
  n2:
    image: debian
    mac:
      - 525400000002
      - 52-54-00-00-00-01
`);
    expect(problemsOf(text)).toEqual([
      '4:34: nodes.n1.mac[1]: duplicate MAC address 52:54:00:00:00:01: this node has it already, at slipway.yaml:4:15',
      '9:9: nodes.n2.mac[1]: duplicate MAC address 52:54:00:00:00:01: node "n1" has it already, at slipway.yaml:4:15',
    ]);
  });

  it('must have addresses of their own where an alias stands for one', () => {
    const text = withNodes(`  n1: { mac: &m 525400000001, image: debian }\n  n2: { mac: *m, image: debian }\n`);
    expect(problemsOf(text)).toEqual([
      '5:14: nodes.n2.mac: duplicate MAC address 52:54:00:00:00:01: node "n1" has it already, at slipway.yaml:4:17',
    ]);
  });

  it('are wrong where an alias stands for something wrong', () => {
    const text = withNodes(
      `  n1: { mac: 525400000001, image: debian, vars: &v { a: [] } }\n  n2: { mac: 525400000002, image: debian, vars: *v }\n`,
    );
    const wrong = 'expected a text, a number, true or false, found an empty list';
    expect(problemsOf(text)).toEqual([`4:57: nodes.n1.vars.a: ${wrong}`, `4:57: nodes.n2.vars.a: ${wrong}`]);
  });
});

describe('roots', () => {
  const REGISTRY = 'docker://registry.example.net:5000/a/node';
  const wrap = (root: string) => `images: { a: { kernel: k, root: { method: bootc-live, ${root} } } }`;
  check(
    [
      [`source: '${REGISTRY}:v1', unsecure: true`],
      [`source: '${REGISTRY}@sha256:${'0'.repeat(64)}'`],
      [
        'source: "docker://Registry/"',
        `1:63: images.a.root.source: expected ${SOURCE}, or an image in a registry such as docker://registry.example.net/node:latest, found "docker://Registry/"`,
      ],
      [
        'source: a, unsecure: true',
        '1:76: images.a.root.unsecure is for registries: expected "source:" with docker://HOST/NAME:TAG',
      ],
      [
        `source: '${REGISTRY}', delivery: initrd`,
        '1:118: images.a.root.delivery cannot be initrd for an image in a registry: iPXE loads files only',
      ],
      [
        'source: a, rw: true, erofs: true',
        '1:70: images.a.root.rw cannot be true with "erofs: true": EROFS is read-only',
      ],
      ['source: a, zram: 5%', '1:72: images.a.root.zram: expected a size such as 3G or 800M, found "5%"'],
      [
        'source: a, root_flags: "a b"',
        '1:78: images.a.root.root_flags: expected mount options such as noatime,nodev, found "a b"',
      ],
    ],
    wrap,
  );
});

describe('profiles and unknown machines', () => {
  check([
    [
      'profiles: { "x\\ty": {} }\nunknown: { profile: p }',
      '1:13: "x\\ty" has a control character (U+0009): expected plain text',
      `1:13: the name "x\\ty" in profiles: expected ${NAME}`,
      '2:21: unknown.profile: there is no profile "p": expected x\\u0009y',
    ],
    ['profiles: { p: { image: a } }', '1:25: profiles.p.image: there is no image "a": none is defined'],
    [
      'unknown: { image: a, profile: p }',
      '1:19: unknown.image: there is no image "a": none is defined',
      '1:31: unknown.profile: there is no profile "p": none is defined',
    ],
    [
      'unknown: { action: boot }',
      '1:20: unknown.action is boot, but there is no image: expected "image:" beside it, or "profile:" with one',
    ],
    [
      'profiles: { p: { args: [a] } }\nunknown: { action: boot, profile: p }',
      '2:20: unknown.action is boot, but there is no image: expected "image:" beside it, or "profile:" with one',
    ],
  ]);
});

describe('all problems', () => {
  it('are found at once, in the order of the file', () => {
    const text = FIRST_FILE.replace('eth0', '7')
      .replace('port: 8080', 'prot: 8080')
      .replace('kernel: debian/vmlinuz', 'kernel: ../vmlinuz')
      .replace('bootc-live', 'bootc-dead')
      .replace('console=ttyS0', '"console=ttyS0\\n"')
      .replace('image: debian', 'image: debain')
      .replace('52:54:00:00:00:01', '[52:54:00:00:00:01, 52-54-00-00-00-01]')
      .replace('profile: compute', 'profile: computer')
      .replace('rack: 7', 'rack: [7]')
      .replace('ignore', 'boot')
      .concat('server: {}\n');
    const parsed = parseConfig(text, '/etc/slipway.yaml', '/etc');
    expect(parsed.ok ? [] : parsed.problems.map(formatProblem)).toMatchInlineSnapshot(`
      [
        "/etc/slipway.yaml:2:14: server.interface: expected the name of a network interface, up to 15 characters, found 7",
        "/etc/slipway.yaml:4:11: unknown key "prot" in server.http: expected one of port, workers, sendfile, buffer_memory, connections_per_address, url",
        "/etc/slipway.yaml:11:13: images.debian.kernel: expected a path below the artifacts folder (relative, without "..") or an http(s) or tftp URL, found "../vmlinuz"",
        "/etc/slipway.yaml:13:21: images.debian.root.method: expected bootc-live, container-root, image, live, lazy, containers, b2c or none, found "bootc-dead"",
        "/etc/slipway.yaml:15:12: "console=ttyS0\\n" has a line break (U+000A): expected plain text",
        "/etc/slipway.yaml:17:21: profiles.compute.image: there is no image "debain": did you mean "debian"?",
        "/etc/slipway.yaml:20:30: nodes.n001.mac[1]: duplicate MAC address 52:54:00:00:00:01: this node has it already, at /etc/slipway.yaml:20:11",
        "/etc/slipway.yaml:21:14: nodes.n001.profile: there is no profile "computer": did you mean "compute"?",
        "/etc/slipway.yaml:23:19: nodes.n001.vars.rack: expected a text, a number, true or false, found a list",
        "/etc/slipway.yaml:24:20: unknown.action is boot, but there is no image: expected "image:" beside it, or "profile:" with one",
        "/etc/slipway.yaml:25:1: duplicate key "server": it is already at line 1, column 1",
      ]
    `);
  });

  it('are told also for ten thousand nodes', () => {
    const lines = Array.from({ length: 10_000 }, (_, i) => `  n${i}: { mac: ${(0x525400000000 + i).toString(16)} }`);
    expect(problemsOf(`nodes:\n${lines.join('\n')}`)).toHaveLength(10_000);
  }, 60_000);
});

describe('any text', () => {
  const words = fc.constantFrom(
    ...['server', 'nodes', 'images', 'profiles', 'mac', 'args', 'vars', 'root', 'method', 'unknown', 'n1', 'debian'],
    ...[
      '52:54:00:00:00:01',
      '525400000001',
      'boot',
      '1',
      'true',
      '~',
      '"x"',
      "'y'",
      '"\\n"',
      '__proto__',
      'constructor',
    ],
    ...[
      ': ',
      ':',
      ' ',
      '\n',
      '\n  ',
      '\n    ',
      '- ',
      '{ ',
      ' }',
      '[',
      ']',
      ', ',
      '&a ',
      '*a',
      '!!str ',
      '!x ',
      '? ',
      '|',
      '>',
    ],
    ...['#', '---\n', '...\n', '%YAML 1.1\n', '<<: ', '\t', '\r', '\0', '\u2028', '\ud800', '\uFEFF', '@', '`'],
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(words, { maxLength: 40 }).map((list) => list.join('')),
    fc
      .tuple(fc.nat(FIRST_FILE.length), fc.nat(20), fc.array(words, { maxLength: 4 }))
      .map(([at, gone, more]) => FIRST_FILE.slice(0, at) + more.join('') + FIRST_FILE.slice(at + gone)),
  );

  it('gives a configuration or problems with a place and one line of harmless text', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseConfig(text, 'f', '/');
        if (parsed.ok) return;
        expect(parsed.problems.length).toBeGreaterThan(0);
        for (const { line, column, message } of parsed.problems) {
          expect(line).toBeGreaterThan(0);
          expect(column).toBeGreaterThan(0);
          expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\p{Surrogate}]/u);
        }
      }),
      { numRuns: 1000 },
    );
  }, 60_000);
});
