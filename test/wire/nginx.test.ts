import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createServingLab, type Lab, TOP } from '../support/lab.ts';
import type { Running } from '../support/process.ts';

const EDGE = 'http://192.0.2.30';
const CONFIG = `
server: { interface: eth0, http: { url: "${EDGE}" }, tftp: false, dhcp: { mode: off } }
artifacts: ./artifacts
images: { debian: { kernel: vmlinuz, initrd: initrd.img } }
nodes: { n001: { mac: "52:54:00:00:00:01", image: debian } }
`;
const FILES = { vmlinuz: randomBytes(1_000_000), 'initrd.img': randomBytes(20_000_000) };
const CLIENTS = 100;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let lab: Lab;
let daemon: Running;

beforeEach(async () => {
  ({ lab, daemon } = await createServingLab(CONFIG, FILES));
  await lab.network.addHost('edge', '192.0.2.30/24');
});

afterEach(async () => {
  await daemon.stop('SIGKILL');
  await lab.destroy();
});

/** Starts Debian's nginx with what `slipway deploy nginx` prints. */
async function startEdge(): Promise<Running> {
  const cache = join(lab.folder, 'cache');
  const args = ['deploy', 'nginx', '--config', lab.configFile, '--cache', cache, '--size', '1g'];
  const site = await lab.network.must('server', process.execPath, [join(TOP, 'dist/cli.js'), ...args]);
  const file = join(lab.folder, 'nginx.conf');
  const main = `daemon off; user root; pid ${lab.folder}/nginx.pid; error_log stderr notice; events {}`;
  await writeFile(file, `${main}\nhttp { access_log off;\n${site}}\n`);
  const nginx = lab.network.start('edge', '/usr/sbin/nginx', ['-c', file]);
  await nginx.until(/start worker process \d+/);
  return nginx;
}

test('behind nginx the daemon sends each blob once, however many ask', async () => {
  const nginx = await startEdge();
  const script = await lab.network.must('client', 'curl', ['-sS', '--fail', `${EDGE}/ipxe/52-54-00-00-00-01`]);
  const urls = Object.entries(FILES).map(([name, content]) => `${EDGE}/blobs/sha256/${sha256(content)}/${name}`);
  for (const url of urls) expect(script).toContain(url);

  for (const [index, content] of Object.values(FILES).entries()) {
    const files = Array.from({ length: CLIENTS }, (_, i) => join(lab.folder, `copy-${i}`));
    const args = ['-sS', '--fail', '-Z', '--parallel-immediate', '--parallel-max', String(CLIENTS)];
    await lab.network.must('client', 'curl', [...args, ...files.flatMap((file) => [urls[index] ?? '', '-o', file])]);
    for (const file of files) expect(sha256(await readFile(file))).toBe(sha256(content));
    const range = await lab.network.must('client', 'sh', [
      ...['-c', `curl -sS --fail -r 500000-899999 ${urls[index]} | sha256sum`],
    ]);
    expect(range).toContain(sha256(content.subarray(500_000, 900_000)));
  }
  const downloads = daemon.output
    .split('\n')
    .filter((line) => line.includes('"event":"http.download"'))
    .map((line) => JSON.parse(line) as { path: string; bytes: number });
  for (const [name, content] of Object.entries(FILES)) {
    const sent = downloads.filter(({ path }) => path.endsWith(name)).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sent).toBe(content.length);
  }
  await nginx.stop();
});

test.each([
  [CONFIG, '192.0.2.30'],
  [CONFIG.replace(/http: \{.*?\}, /, ''), 'boot.example.net'],
])(
  "Debian's nginx takes it as it is, beside its own site, on a machine without a cache folder",
  async (config, name) => {
    await writeFile(lab.configFile, config);
    const args = [join(TOP, 'dist/cli.js'), 'deploy', 'nginx', '--config', lab.configFile];
    const site = await lab.network.must('server', process.execPath, args);
    expect(site).toContain(`server_name ${name};`);
    const file = join(lab.folder, 'site.conf');
    await writeFile(file, site);
    const fresh = `mount -t tmpfs none /var/cache && mount -t tmpfs none /etc/nginx/conf.d &&
    cp ${file} /etc/nginx/conf.d/slipway.conf && nginx -t`;
    const { code, stderr } = await lab.network.run('edge', 'unshare', ['--mount', 'sh', '-c', fresh]);
    expect([code, stderr]).toEqual([0, expect.not.stringMatching(/emerg|warn/)]);
  },
);

test('another program is told which there are', async () => {
  const args = [join(TOP, 'dist/cli.js'), 'deploy', 'apache', '--config', lab.configFile];
  const { code, stderr } = await lab.network.run('server', process.execPath, args);
  expect([code, stderr]).toEqual([1, 'slipway: unknown program "apache"; supported: nginx\n']);
});
