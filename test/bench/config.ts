import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TOP } from '../support/lab.ts';
import { must } from '../support/process.ts';
import { BenchLab, SERVER } from './lab.ts';
import { writeManyNodes } from './many-nodes.ts';
import type { PaceResult } from './pace.ts';
import { median, type Row } from './table.ts';

const ROUNDS = 3;

/** A configuration of 10,000 nodes: how long it takes to load, and what a reload delays. */
export async function benchConfig(print: (row: Row) => void): Promise<void> {
  const lab = await BenchLab.create();
  try {
    await lab.smallArtifacts();
    const text = writeManyNodes(10_000, 8080);
    const flags = `--import tsx --import ${join(TOP, 'test/support/report-stretches.ts')}`;
    const daemon = await lab.daemon(text, '0', 'config.yaml', flags);
    /** For how long at most the daemon worked at a stretch since this was asked last. */
    const stretch = async (): Promise<number> => {
      const told = async () => [
        ...(await readFile(lab.logOf(), 'utf8')).matchAll(/"event":"stretch","milliseconds":([\d.]+)/g),
      ];
      const before = (await told()).length;
      daemon.child.kill('SIGUSR2');
      for (;;) {
        const now = await told();
        if (now.length > before) return Number(now.at(-1)?.[1]);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const program = `
      import { loadCheckedConfig } from '${join(TOP, 'dist/daemon/serving/checked-config.js')}';
      await loadCheckedConfig('${join(lab.folder, 'config.yaml')}');
      console.log(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6, performance.now() / 1000);`;
    const empty =
      'console.log(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6, performance.now() / 1000)';
    /** Seconds of processor time, and on the clock. */
    const time = async (code: string) =>
      (await must('node', ['--input-type=module', '-e', code])).split(' ').map(Number);
    const loads: number[] = [];
    const cpu: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const [usedByAll = 0, tookAll = 0] = await time(program);
      const [used = 0, took = 0] = await time(empty);
      loads.push(tookAll - took);
      cpu.push(usedByAll - used);
    }
    const seconds = median(loads);
    print({
      work: '10,000 nodes: loading the configuration, with the program itself',
      target: '< 1 s',
      figure: `${seconds.toFixed(2)} s (${median(cpu).toFixed(2)} s of CPU)`,
      holds: seconds < 1,
    });

    const delays: number[] = [];
    const calm: number[] = [];
    const stretches: number[] = [];
    let refused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const options = { address: SERVER, port: 8080, path: '/ipxe/52-54-00-00-00-01', rate: 200, connections: 8 };
      const ask = async (seconds: number) => {
        const pace = lab.load('veth', 'pace.ts', { ...options, seconds });
        await pace.until(/begun/);
        return pace;
      };
      const quiet = await ask(3);
      calm.push((JSON.parse((await quiet.until(/(\{.*\})/))[1] ?? '') as PaceResult).slowest);
      const busy = await ask(5);
      await stretch();
      const next = join(lab.folder, 'next.yaml');
      await writeFile(next, text.replace('[quiet]', `[quiet, round=${round}]`));
      await rename(next, join(lab.folder, 'config.yaml'));
      const result = JSON.parse((await busy.until(/(\{.*\})/))[1] ?? '') as PaceResult;
      refused += result.failed;
      delays.push(result.slowest);
      stretches.push(await stretch());
    }
    const delay = median(delays);
    print({
      work: '10,000 nodes: the slowest of 200 requests/s during a reload',
      target: '<= 50 ms, none dropped',
      figure: `${delay.toFixed(0)} ms (${median(calm).toFixed(0)} ms without a reload), ${refused} dropped`,
      holds: delay <= 50 && refused === 0,
    });
    print({
      work: '10,000 nodes: the longest that the daemon works at a stretch during a reload, processor time',
      target: '<= 50 ms',
      figure: `${median(stretches).toFixed(0)} ms`,
      holds: median(stretches) <= 50,
    });
    await daemon.stop();
  } finally {
    await lab.destroy();
  }
}
