import { randomFillSync } from 'node:crypto';
import { mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BootResult } from './boot-load.ts';
import { BenchLab, cpuSeconds, SERVER } from './lab.ts';
import { median, type Row } from './table.ts';

const MB = 1024 * 1024;
const MACHINES = 64;
const ROUNDS = 2;
const FILES = { vmlinuz: 4 * MB, 'initrd.img': 16 * MB, 'root.oci': 32 * MB };

const CONFIG = `
server: { interface: eth0, http: { port: 8080, workers: 1 } }
artifacts: ./artifacts
images:
  debian: { kernel: vmlinuz, initrd: initrd.img, root: { method: bootc-live, source: root.oci } }
nodes:
${Array.from({ length: MACHINES }, (_, i) => `  n${i + 1}: { mac: "52:54:00:00:00:${(i + 1).toString(16).padStart(2, '0')}", image: debian }`).join('\n')}
`;

/** Blocks that the TFTP server has sent again so far. */
async function sentAgain(log: string): Promise<number> {
  const lines = (await readFile(log, 'utf8')).matchAll(/"retransmits":(\d+)/g);
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** 64 machines from power-on to their root, all at once. */
export async function benchNodes(print: (row: Row) => void): Promise<void> {
  const lab = await BenchLab.create();
  try {
    await mkdir(join(lab.folder, 'artifacts'));
    for (const [name, size] of Object.entries(FILES)) {
      await writeFile(join(lab.folder, 'artifacts', name), randomFillSync(Buffer.alloc(size)));
      await utimes(join(lab.folder, 'artifacts', name), 1e9, 1e9);
    }
    const daemon = await lab.daemon(CONFIG);
    // Digests are made at the start.
    await lab.network.must('client', 'curl', ['-sS', '--fail', `http://${SERVER}:8080/ipxe/525400000001`]);
    const results: (BootResult & { cpu: number })[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = await cpuSeconds(daemon);
      const load = lab.load('veth', 'boot-load.ts', { address: SERVER, machines: MACHINES });
      const result = JSON.parse((await load.until(/(\{.*\})/, 240))[1] ?? '') as BootResult;
      results.push({ ...result, cpu: (await cpuSeconds(daemon)) - before });
    }
    const finished = Math.min(...results.map((each) => each.finished));
    const retries = results.map((each) => each.retries).map(({ dhcp, tftp, http }) => dhcp + tftp + http);
    const middle = (figure: (each: BootResult & { cpu: number }) => number) => median(results.map(figure));
    const gigabytes = (middle(({ bytes }) => bytes) / 1e9).toFixed(1);
    print({
      work: `${MACHINES} machines booting at once (DHCP, TFTP, script, kernel, initrd, root): finished`,
      target: 'all, nothing asked for again',
      figure:
        `${finished} of ${MACHINES}, asked again ${Math.max(...retries)}, TFTP blocks sent again ` +
        `${await sentAgain(lab.logOf())}; ${gigabytes} GB in ${middle(({ seconds }) => seconds).toFixed(1)} s; ` +
        `${((1000 * middle(({ cpu }) => cpu)) / MACHINES).toFixed(0)} ms of CPU per machine` +
        results.flatMap(({ failures }) => failures.slice(0, 1).map((why) => `; ${why}`)).join(''),
      holds: finished === MACHINES && Math.max(...retries) === 0,
    });
    await daemon.stop();
  } finally {
    await lab.destroy();
  }
}
