import { createHash } from 'node:crypto';
import { mkdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type Finished, type Running, run } from '../support/process.ts';

const CLI = join(TOP, 'dist/cli.js');
const MAC = '52:54:00:00:00:01';
const URL_OF = `http://${SERVER_ADDRESS}:8080`;

const CONFIG = `
server: { interface: eth0 }
artifacts: ./artifacts
templates: ./templates
images:
  debian:
    kernel: debian/vmlinuz
    initrd: [debian/initrd.img, debian/extra firmware.img]
    root: { method: bootc-live, source: debian/root.oci }
    args: [console=ttyS0]
  tar:
    kernel: debian/vmlinuz
    initrd: debian/initrd.img
    root: { method: container-root, source: debian/root.tar.xz, size: 3G }
nodes:
  n001: { mac: "${MAC}", image: debian }
  n002: { mac: 52-54-00-00-00-02, image: tar, args: [quiet] }
  n003: { mac: 5254.0000.0003, action: local }
unknown: { action: ignore }
`;

const FILES = ['vmlinuz', 'initrd.img', 'extra firmware.img', 'root.oci', 'root.tar.xz'];

let lab: Lab;
let running: Running[];

beforeEach(async () => {
  lab = await createLab(CONFIG);
  running = [];
  await mkdir(join(lab.folder, 'artifacts/debian'), { recursive: true });
  await mkdir(join(lab.folder, 'templates'));
  for (const file of FILES) await writeArtifact(file, `the content of ${file}, version 1`);
});

afterEach(async () => {
  for (const each of running) await each.stop('SIGKILL');
  await lab.destroy();
});

/** Puts an artifact in place as users should: whole, by a rename. */
async function writeArtifact(file: string, content: string | Uint8Array): Promise<void> {
  const path = join(lab.folder, 'artifacts/debian', file);
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

async function serve(args: readonly string[] = []): Promise<Running> {
  const daemon = await lab.serve(args);
  running.push(daemon);
  return daemon;
}

/** Runs the daemon where it is expected to end by itself. */
const serveInVain = (prefix: readonly string[] = []): Promise<Finished> => {
  const [command = process.execPath, ...args] = [...prefix, process.execPath, CLI, 'serve', '--config', lab.configFile];
  return lab.network.run('server', command, args);
};

const slipway = (...args: readonly string[]) =>
  lab.network.run('server', process.execPath, [CLI, ...args, '--config', lab.configFile]);

const curl = (...args: readonly string[]) => lab.network.must('client', 'curl', ['-sS', '--max-time', '60', ...args]);
const status = (path: string) => curl('-o', '/dev/null', '-w', '%{http_code}', `${URL_OF}${path}`);
const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');

/** The events that the daemon has recorded so far. */
const events = (daemon: Running): readonly Record<string, unknown>[] =>
  daemon.output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

describe('start and stop', () => {
  test('it says where each service listens, and then that it is ready', async () => {
    const recorded = events(await serve());
    const names = recorded.map(({ event }) => event).filter((name) => name === 'listening' || name === 'ready');
    expect(names).toEqual(['listening', 'listening', 'listening', 'ready']);
    expect(recorded.find(({ event }) => event === 'ready')?.message).toBe(
      `serving 3 node(s); http ${SERVER_ADDRESS}:8080, tftp ${SERVER_ADDRESS}:69, dhcp ${SERVER_ADDRESS}:67, dhcp ${SERVER_ADDRESS}:4011`,
    );
  });

  test('SIGTERM lets a running download finish and ends with 0', async () => {
    const content = Buffer.alloc(4_000_000, 'x');
    await writeArtifact('root.oci', content);
    const daemon = await serve();
    const path = join(lab.folder, 'download');
    const download = lab.network.start('client', 'curl', [
      ...['-sS', '--limit-rate', '2M', '-o', path, '-v', `${URL_OF}/artifacts/debian/root.oci`],
    ]);
    await download.until(/200 OK/);
    daemon.child.kill('SIGTERM');
    expect((await download.exit).code).toBe(0);
    expect(await lab.network.must('client', 'sha256sum', [path])).toContain(sha256(content));
    expect((await daemon.exit).code).toBe(0);
  });

  test.each([
    [
      'TCP port 8080',
      'import socket,time; s=socket.create_server(("0.0.0.0",8080)); print("up",flush=True); time.sleep(600)',
    ],
    [
      'UDP port 69',
      'import socket,time; s=socket.socket(2,2); s.bind(("0.0.0.0",69)); print("up",flush=True); time.sleep(600)',
    ],
  ])('%s in use: a message that says which, the remedy, and exit status 1', async (which, program) => {
    const owner = lab.network.start('server', 'python3', ['-c', program]);
    running.push(owner);
    await owner.until(/up/);
    const { code, stderr } = await serveInVain();
    expect(code).toBe(1);
    expect(stderr).toContain(which);
    expect(stderr).toMatch(/in use/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('without the privilege: a message that names it', async () => {
    const { code, stderr } = await serveInVain([
      'setpriv',
      '--bounding-set=-net_bind_service',
      '--inh-caps=-net_bind_service',
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('CAP_NET_BIND_SERVICE');
  });

  test('without iPXE binaries: a warning that names them and the remedy', async () => {
    const hide = 'mount -t tmpfs none /usr/lib/ipxe && exec "$@"';
    const daemon = lab.network.start('server', 'sh', [
      ...['-c', hide, 'sh', process.execPath, CLI, 'serve', '--config', lab.configFile],
    ]);
    running.push(daemon);
    await daemon.until(/there is no undionly\.kpxe .*install Debian's package ipxe/);
    await daemon.until(/there is no snponly\.efi/);
  });

  test('a configuration with mistakes: all of them with their places, and exit status 1', async () => {
    await writeFile(lab.configFile, 'servr: {}\nnodes:\n  n1: { mac: 12 }\n');
    const { code, stderr } = await serveInVain();
    expect(code).toBe(1);
    expect(stderr).toContain(`${lab.configFile}:1:1: `);
    expect(stderr).toContain(`${lab.configFile}:3:14: `);
  });
});

test('with --log json what keeps the server from starting is JSON as well', async () => {
  await writeFile(lab.configFile, 'servr: {}\nnodes:\n  n1: { mac: 12, action: local }\n');
  const fatal = async (config: string) => {
    const args = [CLI, 'serve', '--log', 'json', '--config', config];
    const { code, stderr } = await lab.network.run('server', process.execPath, args);
    expect(code).toBe(1);
    return stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  expect(await fatal(lab.configFile)).toMatchObject([
    { event: 'config.problem', level: 'error', file: lab.configFile, line: 1, column: 1 },
    { event: 'config.problem', level: 'error', line: 3, column: 14 },
  ]);
  expect(await fatal(join(lab.folder, 'none.yaml'))).toMatchObject([
    { message: expect.stringMatching(/^file not found/) },
  ]);
  await writeFile(lab.configFile, 'server: { interface: none0 }\n');
  expect(await fatal(lab.configFile)).toMatchObject([{ event: 'fatal', message: expect.stringContaining('none0') }]);
});

test('without --config it is ./config.yaml', async () => {
  const { code, stdout } = await run(process.execPath, [CLI, 'check'], { cwd: lab.folder });
  expect([code, stdout]).toEqual([0, expect.stringContaining('./config.yaml: valid')]);
});

describe('what the commands print', () => {
  test('slipway script prints what curl gets', async () => {
    await serve();
    const fetched = await curl(`${URL_OF}/ipxe/${MAC}`);
    expect((await slipway('script', '52-54-00-00-00-01')).stdout).toBe(fetched);
    for (const spelling of ['52-54-00-00-00-01', '5254.0000.0001', '525400000001', '52%3A54%3A00%3A00%3A00%3A01']) {
      expect(await curl(`${URL_OF}/ipxe/${spelling}`)).toBe(fetched);
    }
  });

  test('slipway check lists the nodes, and the files that are missing', async () => {
    await writeFile(lab.configFile, CONFIG.replace('source: debian/root.oci', 'source: debian/nothing.oci'));
    const { code, stdout } = await slipway('check');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^n001 +52:54:00:00:00:01 +debian +bootc-live/m);
    expect(stdout).toContain('warning: images.debian names debian/nothing.oci');
    const json = JSON.parse((await slipway('check', '--json')).stdout);
    expect(json).toMatchObject({
      ok: true,
      problems: [],
      nodes: [{ name: 'n001' }, { name: 'n002' }, { name: 'n003' }],
    });
  });

  test('slipway script of a machine that is left alone fails and says why', async () => {
    const { code, stderr } = await slipway('script', '52:54:00:00:00:99');
    expect(code).toBe(1);
    expect(stderr).toBe(
      'slipway: 52:54:00:00:00:99 gets no script, as its action is "ignore": no node has 52:54:00:00:00:99: the rule "unknown" applies\n',
    );
  });
});

test('every file that a script names is served, with the bytes of its digest', async () => {
  await serve();
  const fetched: string[] = [];
  for (const path of [`/ipxe/${MAC}`, '/ipxe/525400000002', '/ipxe/525400000003', '/ipxe', '/boot/autoexec.ipxe']) {
    const script = await curl(`${URL_OF}${path}`);
    const commands = script.split('\n').filter((line) => /^(kernel|initrd|chain) /.test(line));
    for (const url of commands.flatMap((line) => line.match(/(?<!slipway\.report=)http:\S+/g) ?? [])) {
      const body = await curl('--fail', url.replace(/\$\{netX\/mac:hexhyp\}/, MAC));
      const [, digest] = /\/sha256\/([0-9a-f]{64})\//.exec(url) ?? [];
      if (digest !== undefined) expect(sha256(body)).toBe(digest);
      fetched.push(url);
    }
  }
  expect(fetched).toHaveLength(11);
});

describe('changes while it runs', () => {
  test('a new configuration is in force without a dropped request; a wrong one leaves the last good', async () => {
    const daemon = await serve();
    const loop = `i=0; while [ ! -e ${lab.folder}/stop ]; do curl -sS -o /dev/null -w '%{http_code}\\n' ${URL_OF}/ipxe/${MAC} || exit 1; done`;
    const client = lab.network.start('client', 'sh', ['-c', loop]);
    for (let round = 1; round <= 5; round++) {
      await writeFile(lab.configFile, CONFIG.replace('console=ttyS0', `round=${round}`));
      await daemon.until(new RegExp(`(?:"event":"config.loaded"[^]*){${round}}`));
      expect(await curl(`${URL_OF}/ipxe/${MAC}`)).toContain(` round=${round} `);
    }
    await writeFile(lab.configFile, CONFIG.replace('image: debian }', 'imgae: debian }'));
    await daemon.until(/"event":"config.problem".*:\d+:\d+: .*imgae/);
    expect(await curl(`${URL_OF}/ipxe/${MAC}`)).toContain(' round=5 ');
    await writeFile(join(lab.folder, 'stop'), '');
    const { code, stdout } = await client.exit;
    expect(code).toBe(0);
    expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['200']));
  });

  test('a new configuration of a thousand nodes comes whole, and one that is the same again is none', async () => {
    const daemon = await serve();
    const nodes = Array.from({ length: 1000 }, (_, i) => {
      const mac = `52:54:00:01:${i.toString(16).padStart(4, '0').replace(/..$/, ':$&')}`;
      return `  m${i}: { mac: "${mac}", image: debian, args: [rank=${i}], vars: { odd: ${i % 2 === 1}, share: 0.5 } }\n`;
    });
    // An anchor is nothing for the quick reader.
    for (const more of ['', '  last: &last { mac: "52:54:00:02:00:00", image: debian }\n']) {
      await writeFile(`${lab.configFile}.new`, CONFIG.replace(/unknown:/, `${nodes.join('')}${more}unknown:`));
      await rename(`${lab.configFile}.new`, lab.configFile);
      await daemon.until(new RegExp(`"event":"config.loaded".*"nodes":${more === '' ? 1003 : 1004}`));
      const explained = JSON.parse(await curl(`${URL_OF}/ipxe/52-54-00-01-03-e7?explain`));
      expect(explained).toMatchObject({ matched: 'nodes.m999', args: [{}, { value: 'rank=999' }] });
      expect(explained.vars).toEqual({
        odd: { value: true, from: 'nodes.m999.vars.odd' },
        share: { value: 0.5, from: 'nodes.m999.vars.share' },
      });
    }
    const touched = new Date();
    await utimes(lab.configFile, touched, touched);
    await writeFile(lab.configFile, CONFIG);
    await daemon.until(/"event":"config.loaded".*"nodes":3\b/);
    expect(daemon.output.match(/"event":"config.loaded"/g)).toHaveLength(3);
  });

  test('a template of one’s own takes effect; a wrong one is refused with its place', async () => {
    const daemon = await serve();
    const template = join(lab.folder, 'templates/bootc-live.ipxe.njk');
    await writeFile(template, '#!ipxe\necho mine for {{ node.name }}\n');
    await daemon.until(/"event":"config.loaded"/);
    expect(await curl(`${URL_OF}/ipxe/${MAC}`)).toBe('#!ipxe\necho mine for n001\n');
    await writeFile(template, '#!ipxe\n{% if vars.x %}\n{{ nod.name }}{% endif %}\n');
    await daemon.until(/bootc-live\.ipxe\.njk:3:\d+: no variable \\"nod\\" exists/);
    expect(await curl(`${URL_OF}/ipxe/${MAC}`)).toBe('#!ipxe\necho mine for n001\n');
  });

  test('an image or a template that is not there keeps no other node from booting, at a reload or at the start', async () => {
    const daemon = await serve();
    const other = '/ipxe/52-54-00-00-00-02';
    const without = CONFIG.replace('mac: "52:54:00:00:00:01", image: debian', 'mac: "52:54:00:00:00:01", image: debain')
      .replace('action: local }', 'image: tar, template: mine }')
      .replace('console=ttyS0', 'console=ttyS1');
    await writeFile(lab.configFile, without);
    await daemon.until(/"event":"config.loaded"/);
    const check = async (running: Running) => {
      await running.until(/"event":"config.warning".*:16:\d+: nodes.n001.image: there is no image .*did you mean/);
      await running.until(/"event":"config.warning".*template not found: mine.*nodes.n003/);
      expect(await curl('-i', `${URL_OF}/ipxe/${MAC}`)).toMatch(
        /503[\s\S]*there is no such build: .*slipway image build/,
      );
      expect(await curl('-i', `${URL_OF}/ipxe/52-54-00-00-00-03`)).toMatch(/503[\s\S]*there is no template mine/);
      expect(await status(other)).toBe('200');
    };
    await check(daemon);
    await daemon.stop();
    await rm(join(lab.folder, 'templates'), { recursive: true });
    await rm(join(lab.folder, 'artifacts/debian/root.oci'));
    await check(await serve());
    const { code, stdout } = await slipway('check');
    expect([code, stdout]).toEqual([1, expect.stringContaining('there is no image "debain"')]);
    expect((await slipway('script', '52-54-00-00-00-02')).code).toBe(0);
  });

  test('another HTTP port is served, and the old one no more', async () => {
    const daemon = await serve();
    await writeFile(lab.configFile, CONFIG.replace('interface: eth0', 'interface: eth0, http: { port: 8081 }'));
    await daemon.until(/"event":"config.loaded"/);
    expect(await curl(`http://${SERVER_ADDRESS}:8081/ipxe/${MAC}`)).toContain(`http://${SERVER_ADDRESS}:8081/blobs/`);
    expect((await lab.network.run('client', 'curl', ['-sS', `${URL_OF}/healthz`])).code).toBe(7);
  });

  test('a node that began with one version of an image never gets pieces of the next', async () => {
    const version1 = Buffer.alloc(4_000_000, 'one ');
    const version2 = Buffer.alloc(4_000_000, 'two ');
    await writeArtifact('root.oci', version1);
    const daemon = await serve();
    const before = await curl(`${URL_OF}/ipxe/${MAC}`);
    const [url = ''] = /http:\S+root\.oci/.exec(before) ?? [];
    expect(url).toContain(sha256(version1));
    const path = join(lab.folder, 'download');
    const download = lab.network.start('client', 'curl', ['-sS', '--limit-rate', '2M', '-o', path, '-v', url]);
    await download.until(/200 OK/);
    await writeArtifact('root.oci', version2);
    await daemon.until(/"event":"artifact.changed"/);
    expect((await download.exit).code).toBe(0);
    expect(await lab.network.must('client', 'sha256sum', [path])).toContain(sha256(version1));
    expect(sha256(await curl(url))).toBe(sha256(version1));
    expect(await curl(`${URL_OF}/ipxe/${MAC}`)).toContain(sha256(version2));
  });
});

test('what is no MAC address is 400, a stranger 404, an unknown path 404', async () => {
  await serve();
  expect(await status('/ipxe/hello')).toBe('400');
  expect(await status('/ipxe/52:54:00:00:00:99')).toBe('404');
  expect(await curl(`${URL_OF}/ipxe/52:54:00:00:00:99`)).toContain('is not to boot from here');
  expect(await status('/nowhere')).toBe('404');
  expect(await status('/artifacts/../config.yaml')).toBe('404');
  expect(
    await curl('--path-as-is', '-o', '/dev/null', '-w', '%{http_code}', `${URL_OF}/artifacts/%2e%2e/config.yaml`),
  ).toMatch(/^40[034]$/);
});

test('100,000 hostile packets to each UDP port do not disturb a download, and the daemon serves on', async () => {
  const content = Buffer.alloc(20_000_000, 'content ');
  await writeArtifact('root.oci', content);
  const daemon = await serve();
  const flood = lab.network.start('client', process.execPath, [
    ...['--import', 'tsx', join(TOP, 'test/support/udp-flood.ts'), SERVER_ADDRESS, '100000', '67', '4011', '69'],
  ]);
  running.push(flood);
  let flooding = true;
  flood.exit.then(() => {
    flooding = false;
  });
  do {
    const path = join(lab.folder, 'download');
    await curl('--limit-rate', '10M', '-o', path, `${URL_OF}/artifacts/debian/root.oci`);
    expect(await lab.network.must('client', 'sha256sum', [path])).toContain(sha256(content));
  } while (flooding);
  expect((await flood.exit).stdout).toContain('"sent":300000');
  expect(await curl(`tftp://${SERVER_ADDRESS}/autoexec.ipxe`)).toMatch(/^#!ipxe\n/);
  expect(await status('/healthz')).toBe('200');
  expect(events(daemon).filter(({ level }) => level === 'error')).toEqual([]);
});
