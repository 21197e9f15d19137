import { join } from 'node:path';
import { TOP } from '../support/lab.ts';
import { must } from '../support/process.ts';
import type { Row } from './table.ts';

/** TFTP beside its peers: the table of tftp.ts, as rows of the one table. */
export async function benchTftp(print: (row: Row) => void): Promise<void> {
  const program = join(TOP, 'test/bench/tftp.ts');
  const text = await must(process.execPath, ['--import', 'tsx', program, '2'], { cwd: TOP });
  for (const line of text.split('\n').slice(2).filter(Boolean)) {
    const [name = '', own = '', ...peers] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    // The best of them decides.
    const ratio = Math.min(...peers.map((cell) => Number(/\(([\d.]+)×\)/.exec(cell)?.[1] ?? Number.NaN)));
    const least = name.includes('lost') ? 20 : 1;
    print({
      work: `TFTP, ${name}: speed to the best of dnsmasq and atftpd`,
      target: `>= ${least} ×`,
      figure: `${ratio.toFixed(1)} × (${own} s)`,
      holds: ratio >= least,
    });
  }
}
