/**
 * Measures the daemon beside what one would otherwise run, and prints one table. `npm run bench` runs all parts but
 * `boot`, `dashboard`, `images`, `memory` and `containers`, which take minutes; `npm run bench -- http dhcp` those that it
 * names. Root, two cores and Debian's
 * packages of the peers are needed; each part says which is missing. The exit status says nothing of the figures.
 */
import { benchBoot } from './boot.ts';
import { benchConfig } from './config.ts';
import { benchContainers } from './containers.ts';
import { benchDashboard } from './dashboard.ts';
import { benchDhcp } from './dhcp.ts';
import { benchHttp } from './http.ts';
import { benchImages } from './images.ts';
import { benchLeastMemory } from './least-memory.ts';
import { benchMetrics } from './metrics.ts';
import { benchNodes } from './nodes.ts';
import { benchScripts } from './scripts.ts';
import { benchStart } from './start.ts';
import { benchState } from './state.ts';
import { formatRow, type Row, TABLE_HEAD } from './table.ts';
import { benchTftp } from './tftp.ts';

const PARTS: Readonly<Record<string, (print: (row: Row) => void) => Promise<void>>> = {
  http: benchHttp,
  scripts: benchScripts,
  config: benchConfig,
  dhcp: benchDhcp,
  tftp: benchTftp,
  images: benchImages,
  nodes: benchNodes,
  state: benchState,
  start: benchStart,
  metrics: benchMetrics,
  boot: benchBoot,
  memory: benchLeastMemory,
  containers: benchContainers,
  dashboard: benchDashboard,
};

/** What is run only where it is named. */
const LONG = new Set(['boot', 'dashboard', 'images', 'memory', 'containers']);

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in PARTS));
if (unknown.length > 0) throw new Error(`no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);

console.log(TABLE_HEAD);
for (const [name, bench] of Object.entries(PARTS)) {
  if (chosen.length > 0 ? !chosen.includes(name) : LONG.has(name)) continue;
  try {
    await bench((row) => console.log(formatRow(row)));
  } catch (error) {
    const reason = String((error as Error).message)
      .trim()
      .replace(/\s*\n\s*/g, '; ');
    console.log(formatRow({ work: name, target: '', figure: `could not be measured: ${reason}`, holds: false }));
  }
}
