import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buildImage, IMAGES, imageYaml } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import { powerOn } from '../support/machine.ts';
import { Network } from '../support/network.ts';
import { median, type Row } from './table.ts';

const ROUNDS = 2;
const MAC = '52:54:00:00:00:01';
const SCRIPT = `http://${SERVER_ADDRESS}:8080/ipxe/52-54-00-00-00-01`;
/** Seconds after which a boot counts as hung. */
const HUNG = 400;

const CONFIG = `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:${imageYaml('bookworm', 'bootc-live')}
nodes: { n001: { mac: "${MAC}", image: bookworm-bootc-live } }
`;

/** dnsmasq for all of DHCP and for TFTP; who has iPXE already is told the script's address. */
const DNSMASQ = [
  ...['--no-daemon', '--conf-file=/dev/null', '--port=0', '--interface=eth0', '--bind-interfaces', '--user=root'],
  ...['--dhcp-range=192.0.2.100,192.0.2.200,1h', '--no-ping', '--leasefile-ro', '--quiet-dhcp', '--quiet-tftp'],
  ...['--enable-ra', '--dhcp-range=fd77::,ra-only,64', '--enable-tftp', '--tftp-root=/usr/lib/ipxe'],
  ...['--dhcp-match=set:ipxe,175', '--dhcp-boot=tag:!ipxe,undionly.kpxe', `--dhcp-boot=tag:ipxe,${SCRIPT}`],
];

/** The same bytes by the same addresses, as the daemon sent them: it puts an archive's members in another order. */
const NGINX = (folder: string) => `
daemon off; user root; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr notice; events {}
http { access_log off; sendfile on; tcp_nopush on;
  server { listen 8080;
    location = /ipxe/52-54-00-00-00-01 { alias ${folder}/script; default_type text/plain; }
    location ~ ^/blobs/sha256/[0-9a-f]+/(.+)$ { alias ${folder}/$1; } } }
`;

/** Seconds from power-on to the login prompt. */
async function bootOnce(network: Network): Promise<number> {
  const start = performance.now();
  const machine = await powerOn(network, { firmware: 'bios', mac: MAC, memory: 1536 });
  try {
    await machine.console.until(/login: /, HUNG);
    return (performance.now() - start) / 1000;
  } finally {
    await machine.off();
  }
}

/**
 * @param folder where the script and the files that it names are kept
 * @returns the seconds
 */
async function bySlipway(folder: string): Promise<number> {
  const lab: Lab = await createLab(CONFIG);
  try {
    await lab.serve();
    const script = await lab.network.must('client', 'curl', ['-sS', '--fail', SCRIPT]);
    await writeFile(join(folder, 'script'), script);
    const urls = new Set(script.match(/http:\/\/\S+\/blobs\/sha256\/[^\s/]+\/[\w.-]+/g));
    for (const url of urls) {
      await lab.network.must('client', 'curl', ['-sS', '--fail', '-o', join(folder, basename(url)), url]);
    }
    return await bootOnce(lab.network);
  } finally {
    await lab.destroy();
  }
}

async function byPeers(folder: string): Promise<number> {
  const network = await Network.create();
  try {
    await network.addHost('dhcp', '192.0.2.1/24');
    await network.must('dhcp', 'ip', ['address', 'add', 'fd77::1/64', 'dev', 'eth0', 'nodad']);
    await network.addHost('server', `${SERVER_ADDRESS}/24`);
    await network.start('dhcp', 'dnsmasq', DNSMASQ).until(/DHCP, IP range|DHCP, sockets bound/);
    const nginx = network.start('server', 'nginx', ['-c', join(folder, 'nginx.conf')]);
    await nginx.until(/start worker process \d+/);
    return await bootOnce(network);
  } finally {
    await network.destroy();
  }
}

/** A virtual machine from power-on to its login prompt, served by the daemon, and by dnsmasq and nginx. */
export async function benchBoot(print: (row: Row) => void): Promise<void> {
  await buildImage('bookworm');
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'));
  try {
    await writeFile(join(folder, 'nginx.conf'), NGINX(folder));
    const own: number[] = [];
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const seconds = await bySlipway(folder);
      own.push(seconds);
      ratios.push(seconds / (await byPeers(folder)));
    }
    const ratio = median(ratios);
    const figure = `${ratio.toFixed(2)} × (${median(own).toFixed(0)} s)`;
    print({
      work: 'a machine (BIOS, Debian 12, OCI root) from power-on to log-in, to dnsmasq and nginx',
      target: '<= 0.9 ×',
      figure,
      holds: ratio <= 0.9,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
