import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fetchedArguments,
  hasSecrets,
  isFetched,
  rootArgs,
  rootMethodOf,
} from '../../src/model/boot/root-methods/methods.ts';
import { configOf } from '../config/read.ts';
import { readB2c, throughIpxe, wordsOf } from '../support/b2c.ts';

/** The root of an image with these lines below `root:`. */
function rootOf(yaml: string) {
  const lines = yaml.trim().replace(/^/gm, '      ');
  const config = configOf(
    `images:\n  ci:\n    kernel: linux\n    root:\n      method: b2c\n${lines}\nnodes: { n: { mac: 525400000001, image: ci } }\n`,
  );
  const root = config.nodes[0]?.settings.image?.value.root;
  if (!root) throw new Error('no root');
  return root;
}

const read = (yaml: string) => readB2c(throughIpxe(rootArgs(rootOf(yaml)).join(' ')));
const ONE = 'containers: [alpine]\n';

/** Texts of what may mean something on the way. */
const hostile = fc
  .array(
    fc.constantFrom(
      ...[
        "'",
        '\\',
        ' ',
        '  ',
        '$',
        '{',
        '}',
        `$${'{'}x}`,
        '*',
        '?',
        '[a-z]',
        '#',
        '&&',
        '||',
        ';',
        '&',
        '`',
        '(',
        '!',
      ],
      ...['\\n', '\\0', '\\x41', '\\c', '~', '=', '<', '>', '/*', '/etc/*', 'a', '%', ',', '|', 'é', '€', '-', ' # '],
    ),
    { maxLength: 8 },
  )
  .map((all) => all.join(''));

describe('each argument', () => {
  it.each<[yaml: string, name: string, values: readonly string[]]>([
    ['containers: ["-ti docker://a/b:1 uname -a", alpine]', 'container', ['-ti docker://a/b:1 uname -a', 'alpine']],
    [`${ONE}services: [redis]`, 'service', ['redis']],
    [`${ONE}post_containers: ["-v a:/a reaper"]`, 'post_container', ['-v a:/a reaper']],
    [`${ONE}pipefail: true`, 'pipefail', ['']],
    [`${ONE}cache_device: reset`, 'cache_device', ['reset']],
    [`${ONE}cache_device: /dev/mmcblk0p2`, 'cache_device', ['/dev/mmcblk0p2']],
    [`${ONE}swap: 4G`, 'swap', ['4G']],
    [`${ONE}ntp_peer: auto`, 'ntp_peer', ['auto']],
    [`${ONE}hostname: gateway`, 'hostname', ['gateway']],
    [`${ONE}keymap: de`, 'keymap', ['de']],
    [`${ONE}insmods: [a.ko, net/b.ko]`, 'insmods', ['a.ko,net/b.ko']],
    [`${ONE}shutdown_cmd: echo o = off`, 'shutdown_cmd', ['echo o = off']],
    [`${ONE}reboot_cmd: reboot -f -d 1`, 'reboot_cmd', ['reboot -f -d 1']],
    [`${ONE}poweroff_delay: 15`, 'poweroff_delay', ['15']],
    [
      `${ONE}filesystems:\n  - { name: nas, type: nfs, source: "10.0.0.1:/x", options: [ro, nolock] }\n  - { name: b, source: /dev/sdb }`,
      'filesystem',
      ['nas,type=nfs,src=10.0.0.1:/x,opts=ro|nolock', 'b,src=/dev/sdb'],
    ],
    [
      `${ONE}minio: [{ name: lab, url: "http://10.0.0.1:9000", access_key: me, secret_key: a/b+c= }]`,
      'minio',
      ['lab,http://10.0.0.1:9000,me,a/b+c='],
    ],
    [
      `${ONE}minio: [{ name: lab, url: "http://s3", access_key: a, secret_key: b }]\nfilesystems: [{ name: nas, source: s }]
volumes:
  - { name: v }
  - { name: w, filesystem: nas, mirror: lab/x, pull_on: [pipeline_start, container_start], push_on: changes, expiration: pipeline_end, overwrite: true, remove: true, preserve: true }
  - { name: x, pull_from: lab/in, push_to: lab/out, exclude: ["*.tmp", b], encrypt_key: k, fscrypt_key: YQ==, fscrypt_reset_key: true }`,
      'volume',
      [
        'v',
        'w,filesystem=nas,mirror=lab/x,pull_on=pipeline_start|container_start,push_on=changes,expiration=pipeline_end,overwrite,remove,preserve',
        'x,pull_from=lab/in,push_to=lab/out,exclude=*.tmp,exclude=b,encrypt_key=k,fscrypt_key=YQ==,fscrypt_reset_key',
      ],
    ],
    [
      `${ONE}interfaces:
  - { name: eth0, dhcp: true }
  - { name: eth1, address: 192.0.2.7/24, gateway: 192.0.2.1, routes: [{ network: 10.0.0.0/8, via: 192.0.2.2 }], nameservers: [192.0.2.3, "2001:db8::1"], forward: true }`,
      'iface',
      [
        'eth0,dhcp',
        'eth1,address=192.0.2.7/24,gateway=192.0.2.1,route=10.0.0.0/8:192.0.2.2,nameserver=192.0.2.3,nameserver=2001:db8::1,forward',
      ],
    ],
  ])('of %j is read back', (yaml, name, values) => {
    expect(read(yaml).get(name)).toEqual(values);
  });

  it('that the YAML does not have is not there', () => {
    expect([...read(ONE).keys()]).toEqual(['container']);
  });
});

it('has no text that would not be read back: the schema refuses it', () => {
  const { keys } = rootMethodOf('b2c');
  const holds = (key: string, value: unknown) => keys[key]?.schema.safeParse(value).success;
  const line = (key: string, value: unknown) =>
    readB2c(throughIpxe([...rootArgs({ ...rootOf(ONE), [key]: value }), 'quiet'].join(' ')));
  const count = { taken: 0, refused: 0 };
  const text = fc.tuple(hostile, fc.constantFrom('', '', '"')).map(([before, after]) => `x${before}${after}`);
  fc.assert(
    fc.property(text, (value) => {
      const cases: [key: string, value: unknown, name: string, expected: string][] = [
        ['services', [value], 'service', value],
        ['shutdown_cmd', value, 'shutdown_cmd', value],
        ['keymap', value, 'keymap', value],
        [
          'filesystems',
          [{ name: 'n', source: value, options: ['ro', value] }],
          'filesystem',
          `n,src=${value},opts=ro|${value}`,
        ],
        ['volumes', [{ name: 'v', exclude: value }], 'volume', `v,exclude=${value}`],
        [
          'minio',
          [{ name: 's', url: 'http://s3', access_key: 'a', secret_key: value }],
          'minio',
          `s,http://s3,a,${value}`,
        ],
      ];
      for (const [key, given, name, expected] of cases) {
        if (holds(key, given)) {
          count.taken++;
          expect(line(key, given).get(name)).toEqual([expected]);
        } else count.refused++;
      }
    }),
    { numRuns: 500 },
  );
  expect(Math.min(count.taken, count.refused)).toBeGreaterThan(100);
});

describe('a container in parts', () => {
  const yaml = `containers:
  - image: docker://10.0.0.1:8002/ns/image:tag
    command: [sh, -c, "echo $A && b ; c"]
    entrypoint: /bin/init
    env: { A: "x y", B: 007 }
    volumes: [tmp:/mnt/tmp]
    devices: [/dev/kvm]
    workdir: /src
    user: "1000:1000"
    options: [-ti, --tls-verify=false]`;

  it('is arguments of podman in their order', () => {
    expect(wordsOf(read(yaml).get('container') ?? [], ['bash'])).toEqual([
      [
        ...['-ti', '--tls-verify=false', '--entrypoint=/bin/init', '-e', 'A=x y', '-e', 'B=007'],
        ...['-v', 'tmp:/mnt/tmp', '--device=/dev/kvm', '-w', '/src', '-u', '1000:1000'],
        ...['docker://10.0.0.1:8002/ns/image:tag', 'sh', '-c', 'echo $A && b ; c'],
      ],
    ]);
  });

  const shells: [string, ...string[]][] = [['bash'], ['busybox', 'ash']];
  it.each(shells.filter(([program]) => spawnSync(program, ['true']).error === undefined))(
    'passes iPXE, boot2container and %s whatever its words hold',
    (...shell) => {
      fc.assert(
        fc.property(fc.array(fc.array(hostile, { maxLength: 4 }), { minLength: 5, maxLength: 30 }), (commands) => {
          const containers = commands.map((command) => ({ image: 'alpine', command }));
          const root = { ...rootOf(ONE), containers };
          const line = throughIpxe(fetchedArguments(root) ?? '');
          const found = wordsOf(readB2c(line).get('container') ?? [], shell as [string, ...string[]]);
          expect(found).toEqual(commands.map((command) => ['alpine', ...command]));
        }),
        { numRuns: 40 },
      );
    },
  );
});

describe('arguments are fetched', () => {
  const URL = 'http://192.0.2.10:8080/configuration/0/arguments';
  const long = `containers: [{ image: alpine, env: { A: ${'x'.repeat(1600)} } }]\ncache_device: auto\n`;
  const secret = 'containers: [alpine, { image: b, env: { A: !secret env:A } }]\ncache_device: auto\npipefail: true\n';

  it('all that can be, where the line is long or has secrets', () => {
    for (const yaml of [long, secret]) {
      expect(rootArgs(rootOf(yaml), [], URL)).toEqual(['b2c.cache_device=auto', `b2c.extra_args_url=${URL}`]);
    }
    expect(isFetched(rootOf(ONE), [])).toBe(false);
    expect(isFetched(rootOf(ONE), ['x'.repeat(1600)])).toBe(true);
  });

  it('not by machines without a node: their line is long, and has no secret', () => {
    expect(rootArgs(rootOf(long)).join(' ').length).toBeGreaterThan(1600);
    expect(rootArgs(rootOf(secret))).toEqual(['b2c.cache_device=auto']);
    expect([hasSecrets(rootOf(secret)), hasSecrets(rootOf(long))]).toEqual([true, false]);
  });

  it('but those that come before the network', () => {
    const yaml = `${long}swap: 1G
insmods: [a]
ntp_peer: auto
interfaces: [{ name: eth0, dhcp: true }]
filesystems: [{ name: nas, source: s }, { name: other, source: t }]`.replace('auto', 'nas');
    const args = readB2c(rootArgs(rootOf(yaml), [], URL).join(' '));
    expect([...args.keys()]).toEqual([
      ...['insmods', 'cache_device', 'swap', 'filesystem', 'iface', 'ntp_peer', 'extra_args_url'],
    ]);
    expect(args.get('filesystem')).toEqual(['nas,src=s']);
    expect(readB2c(fetchedArguments(rootOf(yaml)) ?? '').get('filesystem')).toEqual(['other,src=t']);
  });
});
