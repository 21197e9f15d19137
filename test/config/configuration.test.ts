import { expect, it } from 'vitest';
import { documentOf, instanceOf } from '../../src/model/configuration/documents.ts';
import { maskSecrets, mergeConfiguration, secretsIn } from '../../src/model/configuration/merge.ts';
import { configOf, problemsOf } from './read.ts';

const FILE = `images: { debian: { kernel: vmlinuz } }
configuration:
  user_data:
    users: [{ name: admin, hashed_passwd: !secret file:secrets/admin }]
    write_files: [{ path: /etc/motd, content: |
      first
      second
    }]
    ssh: { emit_keys_to_console: false }
  ignition: { ignition: { version: 3.4.0 } }
profiles:
  compute:
    image: debian
    configuration:
      user_data: { packages: [htop], ssh: { x-own: 1 } }
nodes:
  n001:
    mac: 52:54:00:00:00:01
    profile: compute
    configuration:
      user_data: { packages: [jq], password: !secret env:PASSWORD, runcmd: [0644] }
      ignition: { passwd: { users: [] } }
`.replace(
  /\[\{ path: \/etc\/motd, content: \|[\s\S]*?\}\]/,
  '\n      - path: /etc/motd\n        content: |\n          first\n          second',
);

const layers = (yaml = FILE, node = 0) => configOf(yaml).nodes[node]?.settings.configuration ?? [];
const problems = (configuration: string) =>
  problemsOf(
    `images: { d: { kernel: v } }\nnodes:\n  n1: { mac: 525400000001, image: d }\nconfiguration:\n${configuration}`,
  );

it('merges mappings of the file, of profiles and of the node; lists and texts replace', () => {
  expect(layers().map(({ from }) => from)).toEqual([
    'configuration',
    'profiles.compute.configuration',
    'nodes.n001.configuration',
  ]);
  const { user_data, ignition } = mergeConfiguration(layers());
  expect(user_data).toMatchObject({
    packages: ['jq'],
    ssh: { emit_keys_to_console: false, 'x-own': 1 },
    write_files: [{ content: 'first\nsecond\n' }],
    runcmd: ['0644'],
  });
  expect(ignition).toEqual({ ignition: { version: '3.4.0' }, passwd: { users: [] } });
});

it('keeps secrets as references, and masks them for people', () => {
  const merged = mergeConfiguration(layers());
  expect(secretsIn(merged)).toEqual(['file:secrets/admin', 'env:PASSWORD']);
  expect(JSON.stringify(maskSecrets(merged))).toContain('"password":"<secret>"');
  expect(JSON.stringify(maskSecrets(merged))).not.toContain('PASSWORD');
});

it('is for nodes alone: strangers get nothing of the file', () => {
  const yaml = `${FILE}unknown: { action: boot, image: debian }\n`;
  expect(configOf(yaml).unknown.configuration).toBeUndefined();
});

it('writes documents that readers of YAML 1.1 take for the same values', () => {
  const merged = maskSecrets(mergeConfiguration(layers()));
  const instance = instanceOf('n001', 'n001.example.org', merged);
  expect(instance.id).toMatch(/^n001-[0-9a-f]{12}$/);
  const text = (name: Parameters<typeof documentOf>[0]) => documentOf(name, merged, instance)?.text;
  expect(text('user-data')).toMatch(/^#cloud-config\nssh:/);
  expect(text('user-data')).toContain('"0644"');
  expect(text('meta-data')).toContain('local-hostname: "n001.example.org"');
  expect([text('vendor-data'), text('network-config')]).toEqual(['', '']);
  expect(JSON.parse(text('ignition') ?? '')).toMatchObject({ ignition: { version: '3.4.0' } });
  expect(documentOf('user-data', { ignition: {} }, instance)).toBeUndefined();
});

it.each([
  [
    '  user_data: { pakages: [] }',
    /^5:16: unknown key "pakages" in configuration\.user_data: did you mean "packages"\?/,
  ],
  [
    '  ignition: { ignition: { version: 2.3.0 } }',
    /^5:36: configuration\.ignition\.ignition\.version: expected a version/,
  ],
  ['  ignition: { storage: {} }', /^3:3: node "n1" has a configuration for Ignition without a version/],
  ['  network_config: { version: 3 }', /^5:30: configuration\.network_config\.version: expected 1 or 2/],
  ['  user_data: { password: !secret NAME }', /^5:34: expected "!secret file:PATH" or "!secret env:NAME"/],
  ['  place: root', /^5:10: configuration\.place: expected kernel or initrd/],
])('finds the mistake in %s', (text, expected) => {
  expect(problems(text)).toEqual([expect.stringMatching(expected)]);
});

it('allows lines and secrets nowhere else', () => {
  const node = (more: string) =>
    problemsOf(`images: { d: { kernel: v } }\nnodes:\n  n1:\n    mac: 525400000001\n    image: d\n${more}`);
  expect(node('    vars:\n      a: |\n        x\n        y\n')).toEqual([expect.stringContaining('has a line break')]);
  expect(node('    vars: { a: !secret env:A }\n')).toEqual([expect.stringContaining('a secret is for values below')]);
  const alias = '    configuration: { user_data: { bootcmd: &a "x\\ny" } }\n    args: [*a]\n';
  expect(node(alias)).toEqual([expect.stringContaining('refers to a part of "configuration:"')]);
});
