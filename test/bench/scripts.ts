import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOP } from '../support/lab.ts';
import { BenchLab, SERVER } from './lab.ts';
import { writeManyNodes } from './many-nodes.ts';
import type { PaceResult } from './pace.ts';
import { median, type Row } from './table.ts';

const ROUNDS = 3;

/** A fixed text from a server that is far quicker than any of node's: what the load itself, and the machine, delay. */
const NGINX = (folder: string, length: number) => `
daemon off; user root; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr error; events {}
http { access_log off; keepalive_requests 1000000;
  server { listen 8083; default_type text/plain; return 200 "${'x'.repeat(length)}"; } }
`;

/** Asks for the scripts of all nodes in turn. */
const LUA = (nodes: number) => `
local n = 0
request = function()
  n = (n + 7919) % ${nodes}
  return wrk.format("GET", string.format("/ipxe/52-54-00-%02x-%02x-%02x", math.floor(n / 65536), math.floor(n / 256) % 256, n % 256))
end
`;

/** Requests per second, and the 99th percentile of the time that they take, milliseconds. */
async function wrk(lab: BenchLab, args: readonly string[]): Promise<{ rate: number; failed: boolean }> {
  const common = ['-c', '1', 'wrk', '-t1', '-c16', '-d3'];
  const text = await lab.network.must('client', 'taskset', [...common, ...args]);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
  return { rate, failed: /Non-2xx/.test(text) };
}

/** Scripts: many nodes against one, and against a route of express that returns a fixed text. */
export async function benchScripts(print: (row: Row) => void): Promise<void> {
  const lab = await BenchLab.create();
  try {
    await lab.smallArtifacts();
    const many = await lab.daemon(writeManyNodes(10_000, 8080), '0', 'many.yaml');
    const one = await lab.daemon(writeManyNodes(1, 8081), '0', 'one.yaml');
    const script = await lab.network.must('client', 'curl', [
      '-sS',
      '--fail',
      `http://${SERVER}:8080/ipxe/525400000000`,
    ]);
    const program = join(TOP, 'test/bench/express-server.ts');
    const express = lab.server(process.execPath, ['--import', 'tsx', program, '8082', '/', String(script.length)]);
    await express.until(/ready/);
    await writeFile(join(lab.folder, 'nginx.conf'), NGINX(lab.folder, script.length));
    lab.server('nginx', ['-c', join(lab.folder, 'nginx.conf')]);
    for (const nodes of [10_000, 1]) await writeFile(join(lab.folder, `${nodes}.lua`), LUA(nodes));
    const ask = (port: number, nodes: number) =>
      wrk(lab, ['-s', join(lab.folder, `${nodes}.lua`), `http://${SERVER}:${port}/`]);
    await ask(8080, 10_000);
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      const bare = await wrk(lab, [`http://${SERVER}:8082/text`]);
      rounds.push({ bare, many: await ask(8080, 10_000), one: await ask(8081, 1) });
    }
    if (rounds.some((round) => round.many.failed || round.one.failed)) throw new Error('not every answer was 200');
    const toExpress = median(rounds.map((round) => round.many.rate / round.bare.rate));
    const toOne = median(rounds.map((round) => round.many.rate / round.one.rate));
    const rate = median(rounds.map((round) => round.many.rate)).toFixed(0);
    print({
      work: '/ipxe/MAC, 10,000 nodes: requests/s to a fixed text by express',
      target: '>= 0.8 ×',
      figure: `${toExpress.toFixed(2)} × (${rate}/s)`,
      holds: toExpress >= 0.8,
    });
    print({
      work: '/ipxe/MAC: requests/s with 10,000 nodes to those with one',
      target: '>= 0.95 ×',
      figure: `${toOne.toFixed(2)} ×`,
      holds: toOne >= 0.95,
    });
    const half = 0.4 * median(rounds.map((round) => round.bare.rate));
    const pace = async (port: number, path: string) => {
      const options = { address: SERVER, port, path, rate: half, connections: 16, seconds: 2 };
      const running = lab.load('veth', 'pace.ts', options);
      return (JSON.parse((await running.until(/(\{.*\})/))[1] ?? '') as PaceResult).percentile99;
    };
    const own: number[] = [];
    const bare: number[] = [];
    const least: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      own.push(await pace(8080, '/ipxe/52-54-00-00-00-01'));
      bare.push(await pace(8082, '/text'));
      least.push(await pace(8083, '/'));
    }
    print({
      work: `/ipxe/MAC at half of 0.8 × express, ${half.toFixed(0)}/s: 99th percentile`,
      target: '< 5 ms',
      figure: `${median(own).toFixed(1)} ms (a fixed text by express ${median(bare).toFixed(1)} ms, by nginx ${median(least).toFixed(1)} ms)`,
      holds: median(own) < 5,
    });
    await Promise.all([many.stop(), one.stop()]);
  } finally {
    await lab.destroy();
  }
}
