import { describe, expect, it } from 'vitest';
import { readCsv } from '../../src/config/machines/csv.ts';
import { namesOf } from '../../src/config/machines/ranges.ts';
import { parseConfig } from '../../src/config/yaml/parse.ts';
import { withFoundRoots } from '../../src/model/boot/used-files.ts';
import type { Mac } from '../../src/model/machine/mac.ts';
import { type Config, sampleMatches } from '../../src/model/settings/config.ts';
import { findMatch, lostRules, recognise } from '../../src/model/settings/recognise.ts';
import { configOf, problemsOf } from './read.ts';

const MAC = '52:54:00:00:00:01' as Mac;
const OTHER = '52:54:00:00:00:99' as Mac;
const IMAGES = 'images: { debian: { kernel: k }, rescue: { kernel: r } }\n';
const CSV = `name,mac,serial
# the first rack
n01,52:54:00:00:00:01,S1
n02,"52:54:00:00:00:02 52:54:00:00:00:03",
n03,,S3
`;

const parseWith = (yaml: string, csv: string) =>
  parseConfig(yaml, 'slipway.yaml', '/etc/slipway', {
    isBuild: () => false,
    read: (path) => {
      if (path !== '/etc/slipway/nodes.csv') throw new Error(`${path} does not exist`);
      return csv;
    },
  });
const macsOf = ({ nodes }: Config) => nodes.map(({ name, macs }) => [name, ...macs]);

describe('a node', () => {
  const config = configOf(`${IMAGES}nodes:
  a: { match: { serial: [S1, S2], manufacturer: Dell* }, image: debian }
  b: { mac: ${MAC}, match: { uuid: 4c4c4544-0051-3510-8053-b4c04f485931 }, image: debian }
  c: { match: { switch_port: Eth1/*, switch: tor1 }, image: rescue }
`);
  const nodeOf = (facts: object) => recognise(config, { mac: OTHER, ...facts }).node?.name;

  it('is recognised by what it is, whichever network card it boots by', () => {
    expect(nodeOf({ serial: 's2', manufacturer: 'Dell Inc.' })).toBe('a');
    expect(nodeOf({ serial: 'S2', manufacturer: 'HPE' })).toBeUndefined();
    expect(nodeOf({ mac: MAC })).toBe('b');
    expect(nodeOf({ uuid: '4C4C4544-0051-3510-8053-B4C04F485931' })).toBe('b');
    expect(nodeOf({ switch: 'tor1', switch_port: 'Eth1/7' })).toBe('c');
  });

  it('says by what', () => {
    const { why } = findMatch(config, { mac: OTHER, serial: 'S1', manufacturer: 'Dell' });
    expect(why).toBe('nodes.a.match: serial is S1');
  });

  it('may still be another machine while it has not told what it is', () => {
    expect(recognise(config, { mac: OTHER }).open).toEqual(expect.arrayContaining(['serial', 'uuid', 'switch']));
    expect(recognise(config, { mac: OTHER, switch: 'tor1' }).open).toContain('switch_port');
    expect(recognise(config, { mac: MAC }).open).toEqual([]);
  });
});

describe('a rule', () => {
  const config = configOf(`${IMAGES}profiles: { p: { args: [quiet] } }
nodes:
  n: { mac: ${MAC}, labels: { rack: 7 }, args: [own] }
rules:
  any: { match: { arch: '*' }, image: rescue, args: [any] }
  dell: { match: { manufacturer: Dell* }, image: debian, profile: p }
  rack: { match: { labels: { rack: '7' } }, image: debian, args: [rack] }
`);
  const imageOf = (facts: object) => findMatch(config, { mac: OTHER, ...facts }).settings.image?.value.name;

  it('gives settings to machines that it fits, the most specific first', () => {
    expect(imageOf({ arch: 'x86_64' })).toBe('rescue');
    expect(imageOf({ arch: 'x86_64', manufacturer: 'Dell Inc.' })).toBe('debian');
    expect(imageOf({})).toBeUndefined();
  });

  it('is below the settings of a node that it fits', () => {
    const { settings, node, rule } = findMatch(config, { mac: MAC, manufacturer: 'Dell', arch: 'x86_64' });
    expect([node?.name, rule?.name, settings.image?.from]).toEqual(['n', 'rack', 'rules.rack.image']);
    expect(settings.args.map(({ value }) => value)).toEqual(['rack', 'own']);
  });

  it('without an image is for nodes only', () => {
    const bare = configOf(`${IMAGES}nodes: { n: { mac: ${MAC}, image: debian } }
rules: { a: { match: { serial: S }, args: [x] }, b: { match: { arch: '*' }, image: rescue } }`);
    expect(recognise(bare, { mac: OTHER, serial: 'S', arch: 'arm64' }).rule?.name).toBe('b');
    expect(recognise(bare, { mac: MAC, serial: 'S', arch: 'arm64' }).rule?.name).toBe('a');
  });

  it('gives its image to nodes in the configuration with the found roots of builds too', () => {
    const bare = configOf(
      `${IMAGES}nodes: { n: { mac: ${MAC} } }\nrules: { r: { match: { arch: '*' }, image: rescue } }`,
    );
    const found = sampleMatches(withFoundRoots(bare, new Map()));
    expect(found.filter(({ node }) => node).map(({ settings }) => settings.image?.value.name)).toEqual(['rescue']);
  });

  it('that lost says why', () => {
    const facts = { mac: OTHER, arch: 'x86_64', manufacturer: 'HPE' };
    expect(lostRules(config, facts, recognise(config, facts))).toEqual([
      { what: 'rules.rack', why: 'labels.rack is absent, not 7' },
      { what: 'rules.dell', why: 'manufacturer is HPE, not Dell*' },
    ]);
  });

  it('may need what is not known', () => {
    expect(recognise(config, { mac: OTHER, arch: 'x86_64' }).open).toEqual(['manufacturer']);
    expect(recognise(config, { mac: OTHER, arch: 'x86_64', manufacturer: 'Dell' }).open).toEqual([]);
  });

  it.each([
    ['rules: { r: { image: debian } }', '2:10: rules.r.match is missing: expected a mapping'],
    ['rules: { r: { match: { uuid: abc }, image: debian } }', '2:30: rules.r.match.uuid: expected the system'],
    ['rules: { r: { match: { serail: abc } } }', '2:24: unknown key "serail" in rules.r.match: did you mean "serial"?'],
    ['rules: { r: { match: { serial: x }, image: debain } }', '2:44: rules.r.image: there is no image "debain": did'],
    [
      'rules: { r: { match: { serial: x }, action: boot } }',
      '2:10: rule "r" boots but has no image: expected "image:"',
    ],
    ['rules: { r: { match: { nic: 15f3 } } }', '2:29: rules.r.match.nic: expected vendor and device'],
  ])('that is wrong is told: %s', (rules, expected) => {
    expect(problemsOf(`${IMAGES}${rules}`)).toEqual([expect.stringContaining(expected)]);
  });
});

describe('a range of nodes', () => {
  it('stands for its names', () => {
    expect(namesOf('n[001-003]')).toEqual(['n001', 'n002', 'n003']);
    expect(namesOf('rack[9-11]-a')).toEqual(['rack9-a', 'rack10-a', 'rack11-a']);
    expect(namesOf('n[3-1]')).toBeUndefined();
    expect(namesOf('n[1-99999]')).toBeUndefined();
    expect(namesOf('n001')).toEqual(['n001']);
  });

  it('has an address for each', () => {
    const config = configOf(`${IMAGES}nodes: { "n[1-2]": { mac: [${MAC}, ${OTHER}], image: debian } }`);
    expect(macsOf(config)).toEqual([
      ['n1', MAC],
      ['n2', OTHER],
    ]);
    expect(config.nodes[1]?.hostname.value).toBe('n2');
    expect(config.nodes[1]?.settings.image?.from).toBe('nodes.n[1-2].image');
  });

  it('has them in a file', () => {
    const parsed = parseWith(`${IMAGES}nodes: { "n[01-03]": { csv: nodes.csv, image: debian } }`, CSV);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    expect(macsOf(parsed.config)).toEqual([['n01', MAC], ['n02', '52:54:00:00:00:02', '52:54:00:00:00:03'], ['n03']]);
    expect(recognise(parsed.config, { mac: OTHER, serial: 'S3' }).node?.name).toBe('n03');
  });

  it.each([
    ['"n[1-3]": { mac: [52:54:00:00:00:01], image: debian }', 'has 1 address(es) for 3 nodes: expected one for each'],
    ['"n[3-1]": { mac: 52:54:00:00:00:01, image: debian }', 'is no range: expected such as n[001-128]'],
    ['"n[01-04]": { csv: nodes.csv, image: debian }', 'csv nodes.csv:1: there is no row for n04'],
    ['"n[01-03]": { csv: gone.csv, image: debian }', 'csv gone.csv:1: /etc/slipway/gone.csv does not exist'],
    [
      '"n[01-03]": { csv: nodes.csv, image: debian }\n  n02: { mac: 52:54:00:00:00:77 }',
      'there is a node "n02" already',
    ],
    ['"n[01-03]": { csv: nodes.csv, image: debian }\n  x: { mac: 52:54:00:00:00:03, image: debian }', 'duplicate MAC'],
    ['n1: { csv: nodes.csv, image: debian }', 'csv is for a range of nodes'],
    ['"n[1-2]": { match: { serial: x }, image: debian }', 'match is for one node'],
  ])('that is wrong is told: %s', (nodes, expected) => {
    const parsed = parseWith(`${IMAGES}nodes:\n  ${nodes}`, CSV);
    expect(parsed.ok ? [] : parsed.problems.map(({ message }) => message).join('\n')).toContain(expected);
  });
});

describe('what else a node may boot', () => {
  const config = configOf(`${IMAGES}nodes:
  a: { mac: ${MAC}, boot: { once: rescue }, args: [x] }
  b: { mac: ${OTHER}, menu: { images: [debian], timeout: 0 } }
unknown: { action: menu }
`);
  const [a, b] = config.nodes;

  it('is one image once, and then the local disk', () => {
    expect(a?.settings).toMatchObject({
      action: { value: 'boot' },
      image: { value: { name: 'rescue' }, from: 'nodes.a.boot.once' },
      once: { value: { once: 'rescue', afterwards: 'local' } },
    });
  });

  it('is what a menu has', () => {
    const menu = { images: ['debian'], local: true, default: 'local', timeout: 0 };
    expect(b?.settings).toMatchObject({ action: { value: 'menu' }, menu: { value: menu, from: 'nodes.b.menu' } });
    expect(config.unknown.menu?.value).toEqual({
      images: ['debian', 'rescue'],
      local: true,
      default: 'local',
      timeout: 30,
    });
  });

  it('is any image of the configuration, with all other settings', () => {
    const chosen = config.choose({ node: a }, 'debian');
    expect(chosen).toMatchObject({
      action: { value: 'boot' },
      image: { value: { name: 'debian' } },
      args: [{ value: 'x' }],
    });
    expect(chosen).not.toHaveProperty('once');
    expect(config.choose({ node: b }, 'local')).toMatchObject({ action: { value: 'local' } });
    expect(config.choose({}, 'rescue')).toMatchObject({ image: { value: { name: 'rescue' } } });
    expect(config.choose({}, 'nothing')).toBeUndefined();
  });

  it.each([
    [
      `n: { mac: ${MAC}, boot: { once: rescu } }`,
      'nodes.n.boot.once: there is no image "rescu": did you mean "rescue"?',
    ],
    [`n: { mac: ${MAC}, boot: { once: rescue, then: debain } }`, 'nodes.n.boot.then: there is no image "debain"'],
    [`n: { mac: ${MAC}, menu: { images: [debian, x] } }`, 'nodes.n.menu.images[1]: there is no image "x"'],
    [`n: { mac: ${MAC}, menu: { default: y } }`, 'nodes.n.menu.default: there is no image "y"'],
  ])('that is wrong is told: %s', (node, expected) => {
    expect(problemsOf(`${IMAGES}nodes: { ${node} }`)).toEqual([expect.stringContaining(expected)]);
  });
});

describe('a file of comma-separated values', () => {
  it.each([
    ['name,mac\nn1,nonsense\n', '2: "nonsense" is no MAC address'],
    ['name,mac\nn1,52:54:00:00:00:01\nn1,52:54:00:00:00:02\n', '3: n1 is named in line 2 already'],
    ['name,mac,colour\nn1,52:54:00:00:00:01,red\n', '1: unknown column "colour": expected some of name, mac'],
    ['name,mac\nn1,\n', '2: expected a mac, a uuid, a serial or an asset'],
    ['name,mac\n,52:54:00:00:00:01\n', '2: there is no name'],
    ['name,mac\n"n1,52:54:00:00:00:01\n', '1: Quote Not Closed'],
  ])('that is wrong is told: %j', (text, expected) => {
    expect(readCsv(text).mistakes).toEqual([expect.stringContaining(expected)]);
  });
});
