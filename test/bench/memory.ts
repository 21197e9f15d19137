import { readdir, readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** How often memory is looked at, milliseconds. */
const INTERVAL_MS = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
}

/** All processes; those that end meanwhile are left out. */
async function processes(): Promise<readonly Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      // The name, in parentheses, may hold anything (proc(5)).
      const parent = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
      return text === '' ? [] : [{ pid, parent }];
    }),
  );
  return found.flat();
}

/** A process's own share of memory, bytes. */
async function shareOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return 1024 * Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
}

/**
 * Looks at a process and all that it started until it ends.
 * @returns the most memory that they had at one time, bytes
 */
export async function peakMemory(pid: number, ended: Promise<unknown>): Promise<number> {
  let running = true;
  const end = ended.finally(() => {
    running = false;
  });
  let peak = 0;
  while (running) {
    const all = await processes();
    const own = new Set([pid]);
    for (let before = 0; before !== own.size; ) {
      before = own.size;
      for (const each of all) if (own.has(each.parent)) own.add(each.pid);
    }
    const shares = await Promise.all([...own].map(shareOf));
    peak = Math.max(
      peak,
      shares.reduce((sum, share) => sum + share, 0),
    );
    await Promise.race([setTimeout(INTERVAL_MS), end]);
  }
  return peak;
}
