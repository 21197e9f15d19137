import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { aBootcRoot } from '../support/config.ts';
import { configOf, FIRST_FILE, plainOf, withNodes } from './read.ts';

const at = <T>(value: T, from: string) => ({ value, from });

describe('a valid file', () => {
  it('resolves to settings that say where they come from', () => {
    const config = configOf(FIRST_FILE);
    expect(config.server).toEqual({
      registry: false,
      dashboard: true,
      metrics: { nodes: false },
      interface: 'eth0',
      listen: 'served',
      address: '192.0.2.10',
      http: { port: 8080 },
      tftp: { port: 69 },
      nbd: { port: 10809 },
      dhcp: { mode: 'proxy' },
      ipxe: undefined,
    });
    expect(config.artifacts).toBe('/etc/slipway/artifacts');
    expect(config.templates).toBe('/etc/slipway/templates');
    const image = {
      name: 'debian',
      kernel: { kind: 'artifact', path: 'debian/vmlinuz' },
      initrd: [{ kind: 'artifact', path: 'debian/initrd.img' }],
      root: aBootcRoot(),
    };
    expect(plainOf(config).nodes).toMatchObject([
      {
        name: 'n001',
        hostname: at('n001', 'nodes.n001'),
        macs: ['52:54:00:00:00:01'],
        profiles: ['compute'],
        settings: {
          action: at('boot', 'default'),
          image: at(image, 'profiles.compute.image'),
          template: at('bootc-live', 'images.debian.root.method'),
          args: [
            at('console=ttyS0', 'images.debian.args[0]'),
            at('quiet', 'profiles.compute.args[0]'),
            at('hugepages=64', 'nodes.n001.args[0]'),
          ],
          vars: { role: at('compute', 'profiles.compute.vars.role'), rack: at(7, 'nodes.n001.vars.rack') },
          onFailure: at({ action: 'reboot', after: 60 }, 'default'),
          ipxe: at('snponly.efi', 'default'),
          discovery: at('binl', 'default'),
        },
      },
    ]);
    expect([...config.byMac]).toEqual([['52:54:00:00:00:01', config.nodes[0]]]);
    expect(config.unknown.action).toEqual(at('ignore', 'unknown.action'));
  });

  it('may be empty, with a default for everything', () => {
    const config = configOf('');
    expect(config).toMatchObject({
      server: {
        interface: undefined,
        address: undefined,
        listen: 'served',
        http: { port: 8080 },
        tftp: { port: 69 },
        dhcp: { mode: 'proxy' },
        ipxe: undefined,
      },
      artifacts: '/etc/slipway/artifacts',
      templates: undefined,
      nodes: [],
      unknown: { action: at('ignore', 'default'), template: at('local', 'default'), args: [], vars: {} },
    });
    for (const text of ['# nothing\n', '---\n', '\n\n', '{}', '\uFEFF', '~']) {
      expect(plainOf(configOf(text))).toEqual(plainOf(config));
    }
  });

  it('may have sections without content', () => {
    const config = configOf('server:\nimages:\nprofiles:\nnodes:\nunknown:\n');
    expect(plainOf(config)).toEqual(plainOf(configOf('')));
    expect(plainOf(configOf('server:\n  http:\n  tftp:\n  dhcp:\nprofiles:\n  base:\n'))).toEqual(plainOf(config));
    const node = '  n1:\n    mac: 525400000001\n    image: debian\n    args:\n    vars:\n    on_failure:\n';
    expect(configOf(withNodes(node)).nodes).toHaveLength(1);
  });

  it('may have Windows line ends and a byte order mark', () => {
    expect(plainOf(configOf(`\uFEFF${FIRST_FILE.replaceAll('\n', '\r\n')}`))).toEqual(plainOf(configOf(FIRST_FILE)));
  });

  it('may say what the firmware is, for nodes, profiles and strangers', () => {
    const text = withNodes('  n1: { mac: 525400000001, profile: [compute, pi] }\n').replace(
      'profiles: {',
      'profiles: { pi: { firmware: raspberry-pi },',
    );
    expect(configOf(text).nodes[0]?.settings.firmware).toEqual(at('raspberry-pi', 'profiles.pi.firmware'));
    const strangers = configOf('unknown: { action: local, firmware: raspberry-pi }').unknown;
    expect(strangers.firmware).toEqual(at('raspberry-pi', 'unknown.firmware'));
    expect(configOf(FIRST_FILE).unknown.firmware).toBeUndefined();
  });

  it('may turn services off', () => {
    const { server } = configOf('server: { listen: any, http: false, tftp: false, dhcp: { mode: off } }');
    expect(server).toMatchObject({ listen: 'any', http: false, tftp: false, dhcp: { mode: 'off' } });
    expect(configOf('server: { dhcp: false }').server.dhcp).toEqual({ mode: 'off' });
  });

  it('may name folders relative to itself, or absolute', () => {
    const config = configOf('artifacts: ../a\ntemplates: /srv/t\nserver: { ipxe: ipxe }\n');
    expect(config.artifacts).toBe('/etc/a');
    expect(config.templates).toBe('/srv/t');
    expect(config.server.ipxe).toBe('/etc/slipway/ipxe');
  });
});

describe('the example file', () => {
  it('loads as it stands and explains itself to editors', () => {
    const text = readFileSync(new URL('../../config.example.yaml', import.meta.url), 'utf8');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./config.schema.json');
    const config = configOf(text);
    expect(config.nodes.map(({ name }) => name).toSorted()).toEqual([
      'n001',
      'n002',
      'n003',
      'n004',
      'n005',
      'n006',
      'n007',
      'n010',
      'n011',
      'n012',
    ]);
    expect(config.nodes[3]?.settings.firmware).toEqual(at('raspberry-pi', 'nodes.n004.firmware'));
    const methods = [...text.matchAll(/method: ([a-z-]+)/g)].map(([, method]) => method);
    expect(new Set(methods)).toEqual(new Set(['bootc-live', 'container-root', 'image', 'live', 'lazy', 'none']));
  });
});

describe('an image', () => {
  const imageOf = (image: string) =>
    configOf(`images: { a: ${image} }\nnodes: { n: { mac: 525400000001, image: a } }`).nodes[0]?.settings.image?.value;

  it('has defaults for all but its kernel', () => {
    expect(imageOf('{ kernel: k }')).toEqual({
      name: 'a',
      kernel: { kind: 'artifact', path: 'k' },
      initrd: [],
      root: { method: 'none' },
    });
  });

  it.each([
    ['{ method: bootc-live, source: x }', { label: 'latest' }],
    ['{ method: bootc-live, source: x, label: 1.10 }', { label: '1.10' }],
    ['{ method: container-root, source: x }', { size: null }],
    ['{ method: container-root, source: x, size: 3G }', { size: '3G' }],
    ['{ method: container-root, source: x, size: 3221225472 }', { size: '3221225472' }],
    ['{ method: live, source: x }', {}],
    ['{ method: lazy, source: x }', {}],
  ])('has the root %s', (root, more) => {
    expect(imageOf(`{ kernel: k, root: ${root} }`)?.root).toMatchObject({
      source: { kind: 'artifact', path: 'x' },
      ...more,
    });
  });

  it.each([
    ['./a//b/./c', { kind: 'artifact', path: 'a/b/c' }],
    ['"a b/ü"', { kind: 'artifact', path: 'a b/ü' }],
    ['..a/b..', { kind: 'artifact', path: '..a/b..' }],
    ['HTTPS://mirror.example.org/k', { kind: 'url', url: 'HTTPS://mirror.example.org/k' }],
    ['http://[2001:db8::1]:81/k?v=1', { kind: 'url', url: 'http://[2001:db8::1]:81/k?v=1' }],
  ])('has a source written %s', (text, source) => {
    expect(imageOf(`{ kernel: k, initrd: ${text.replace(/^[^"].*[[\]?].*$/, '"$&"')} }`)?.initrd).toEqual([source]);
  });
});

describe('a node', () => {
  it.each([
    '52:54:00:00:00:0a',
    '52-54-00-00-00-0A',
    '52.54.00.00.00.0a',
    '5254.0000.000a',
    '52540000000a',
    '"52:54:00:00:00:0A"',
  ])('is found by the address written %s', (mac) => {
    const config = configOf(withNodes(`  n1: { mac: ${mac}, image: debian }`));
    expect([...config.byMac.keys()]).toEqual(['52:54:00:00:00:0a']);
  });

  it.each([
    ['525400000001', '52:54:00:00:00:01'],
    ['001122334455', '00:11:22:33:44:55'],
    ['1e1234567890', '1e:12:34:56:78:90'],
    ['0e0000000001', '0e:00:00:00:00:01'],
    ['1234567890123456', '12:34:56:78:90:12:34:56'],
    ['9999999999999999', '99:99:99:99:99:99:99:99'],
    ['00:11:22:33:44:55', '00:11:22:33:44:55'],
    ['12:34:56:10:20:30', '12:34:56:10:20:30'],
  ])('has the address %s, which YAML may take for a number', (text, mac) => {
    const yaml = withNodes(`  n1: { mac: [ ${text} ], image: debian }`);
    expect(configOf(yaml).nodes[0]?.macs).toEqual([mac]);
    expect(configOf(`%YAML 1.1\n---\n${yaml}`).nodes[0]?.macs).toEqual([mac]);
  });

  it('has several addresses', () => {
    const config = configOf(withNodes('  n1: { mac: [525400000001, 5254.0000.0002], image: debian }'));
    expect([...config.byMac.values()]).toEqual([config.nodes[0], config.nodes[0]]);
  });

  it('has its name for host name, or another', () => {
    const config = configOf(
      withNodes(
        '  007: { mac: 525400000001, image: debian }\n' +
          '  n2: { mac: 525400000002, image: debian, hostname: 0123 }\n' +
          '  n_3: { mac: 525400000003, image: debian, hostname: a.b-c.example }\n',
      ),
    );
    const names = Object.fromEntries(config.nodes.map(({ name, hostname }) => [name, hostname]));
    expect(names).toEqual({
      '007': at('007', 'nodes.007'),
      n2: at('0123', 'nodes.n2.hostname'),
      n_3: at('a.b-c.example', 'nodes.n_3.hostname'),
    });
  });

  it('has variables as they are written', () => {
    const vars = '{ a: 7, b: 0123, c: 1.10, d: 1.5, e: true, f: off, g: "7", h: 12345678901234567890, i: -0, j: "" }';
    const config = configOf(withNodes(`  n1: { mac: 525400000001, image: debian, vars: ${vars} }`));
    const values = Object.entries(config.nodes[0]?.settings.vars ?? {}).map(([name, { value }]) => [name, value]);
    expect(Object.fromEntries(values)).toEqual({
      a: 7,
      b: '0123',
      c: '1.10',
      d: 1.5,
      e: true,
      f: 'off',
      g: '7',
      h: '12345678901234567890',
      i: '-0',
      j: '',
    });
  });

  it('has kernel arguments as they are written', () => {
    const args = '[1, 0x10, hugepages=64, "a b=c", single, 1.0, $x, a#b, a||b]';
    const config = configOf(withNodes(`  n1: { mac: 525400000001, image: debian, args: ${args} }`));
    expect(config.nodes[0]?.settings.args.map(({ value }) => value)).toEqual([
      '1',
      '0x10',
      'hugepages=64',
      'a b=c',
      'single',
      '1.0',
      '$x',
      'a#b',
      'a||b',
    ]);
  });
});

describe('layers', () => {
  const LAYERS = `
images:
  a: { kernel: a, args: [ia], template: ti, ipxe: ipxe.efi, discovery: bypass, on_failure: { after: 5 } }
  b: { kernel: b, args: [ib], root: { method: live, source: s } }
profiles:
  p: { image: a, args: [p1, p2], vars: { x: p, y: p } }
  q: { image: b, args: [q], vars: { y: q, z: q }, action: local, on_failure: { action: shell } }
  r: { ipxe: snponly.efi, template: tr }
nodes:
`;
  const settingsOf = (node: string) => {
    const [first] = configOf(`${LAYERS}  n: { mac: 525400000001, ${node} }`).nodes;
    if (!first) throw new Error('no node');
    return first.settings;
  };

  it('add up their arguments: image, profiles, node', () => {
    const settings = settingsOf('profile: [p, q], args: [n], action: boot');
    expect(settings.args).toEqual([
      at('ib', 'images.b.args[0]'),
      at('p1', 'profiles.p.args[0]'),
      at('p2', 'profiles.p.args[1]'),
      at('q', 'profiles.q.args[0]'),
      at('n', 'nodes.n.args[0]'),
    ]);
  });

  it('merge their variables, the later one first', () => {
    expect(settingsOf('profile: [p, q], vars: { z: n }, action: boot').vars).toEqual({
      x: at('p', 'profiles.p.vars.x'),
      y: at('q', 'profiles.q.vars.y'),
      z: at('n', 'nodes.n.vars.z'),
    });
  });

  it('put the later profile over the earlier, and the node over both', () => {
    expect(settingsOf('profile: [p, q], action: boot').image).toMatchObject(at({ name: 'b' }, 'profiles.q.image'));
    expect(settingsOf('profile: [q, p], action: boot').image).toMatchObject(at({ name: 'a' }, 'profiles.p.image'));
    expect(settingsOf('profile: [p, q], action: boot, image: a').image).toMatchObject(
      at({ name: 'a' }, 'nodes.n.image'),
    );
  });

  it('start with the image', () => {
    expect(settingsOf('profile: p')).toMatchObject({
      template: at('ti', 'images.a.template'),
      ipxe: at('ipxe.efi', 'images.a.ipxe'),
      discovery: at('bypass', 'images.a.discovery'),
      onFailure: at({ action: 'reboot', after: 5 }, 'images.a.on_failure'),
    });
    expect(settingsOf('profile: [p, r]')).toMatchObject({
      template: at('tr', 'profiles.r.template'),
      ipxe: at('snponly.efi', 'profiles.r.ipxe'),
    });
    expect(settingsOf('profile: [p, r], template: tn').template).toEqual(at('tn', 'nodes.n.template'));
  });

  it('replace on_failure as a whole', () => {
    const settings = settingsOf('profile: [p, q], action: boot, image: a');
    expect(settings.onFailure).toEqual(at({ action: 'shell', after: 60 }, 'profiles.q.on_failure'));
  });

  it('leave the image out where nothing is booted', () => {
    const settings = settingsOf('profile: [p, q]');
    expect(settings.action).toEqual(at('local', 'profiles.q.action'));
    expect(settings.image).toBeUndefined();
    expect(settings.template).toEqual(at('local', 'default'));
    expect(settings.args.map(({ value }) => value)).toEqual(['p1', 'p2', 'q']);
  });

  it('take a template for the local disk only from where that was chosen, or later', () => {
    expect(settingsOf('profile: [r, q]').template).toEqual(at('local', 'default'));
    expect(settingsOf('profile: [q, r]').template).toEqual(at('tr', 'profiles.r.template'));
    expect(settingsOf('profile: r, action: ignore, template: tn').template).toEqual(at('tn', 'nodes.n.template'));
  });
});

describe('unknown machines', () => {
  const unknownOf = (rule: string) =>
    configOf(`images: { a: { kernel: k, args: [i] } }\nprofiles: { p: { image: a, args: [p] } }\nunknown: ${rule}`)
      .unknown;

  it('boot an image or a profile', () => {
    expect(unknownOf('{ action: boot, image: a }')).toMatchObject({
      action: at('boot', 'unknown.action'),
      image: at({ name: 'a' }, 'unknown.image'),
      template: at('none', 'images.a.root.method'),
      args: [at('i', 'images.a.args[0]')],
    });
    expect(unknownOf('{ action: boot, profile: [p] }')).toMatchObject({
      image: at({ name: 'a' }, 'profiles.p.image'),
      args: [at('i', 'images.a.args[0]'), at('p', 'profiles.p.args[0]')],
    });
  });

  it('are ignored unless the rule itself says otherwise', () => {
    expect(unknownOf('{ profile: p }')).toMatchObject({ action: at('ignore', 'default') });
    expect(unknownOf('{ profile: p }').image).toBeUndefined();
    expect(unknownOf('{ action: local }')).toMatchObject({
      action: at('local', 'unknown.action'),
      template: at('local', 'default'),
    });
  });
});

describe('anchors and aliases', () => {
  it('stand for what they name', () => {
    const config = configOf(`
images: { debian: { kernel: &k vmlinuz, initrd: *k } }
nodes:
  n1: &n1
    mac: &m [525400000001]
    image: &i debian
    vars: &v { role: x, who: &who me }
  n2: { mac: 525400000002, image: *i, vars: *v, hostname: *who }
`);
    expect(config.nodes[1]).toMatchObject({
      hostname: { value: 'me' },
      settings: { image: { value: { name: 'debian' } } },
    });
    expect(config.nodes[1]?.settings.vars.role).toEqual(at('x', 'nodes.n2.vars.role'));
  });

  it('may be keys', () => {
    const config = configOf('images: { &a debian : { kernel: k } }\nnodes: { n1: { mac: 525400000001, image: *a } }');
    expect(config.nodes[0]?.settings.image?.value.name).toBe('debian');
    expect(configOf('images: { a: { kernel: &k vmlinuz }, *k : { kernel: x } }').nodes).toEqual([]);
  });
});
