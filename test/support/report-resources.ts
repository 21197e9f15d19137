/**
 * Makes a program tell on SIGUSR2 what it holds, one JSON object: open descriptors, timers, and bytes outside the heap.
 * To be imported by the program, or for it: `node --import tsx --import ./test/support/report-resources.ts PROGRAM`.
 */
import { readdirSync } from 'node:fs';

/** What a program holds. */
export interface Resources {
  readonly event: 'resources';
  readonly serial: number;
  readonly descriptors: number;
  readonly timers: number;
  readonly bytes: number;
}

let serial = 0;
process.on('SIGUSR2', () => {
  // Garbage is not held: --expose-gc makes the bytes exact. What the first run finds is freed on another thread, and no
  // longer counted at the latest when the second begins.
  globalThis.gc?.();
  globalThis.gc?.();
  const resources: Resources = {
    event: 'resources',
    serial: ++serial,
    descriptors: readdirSync('/proc/self/fd').length,
    timers: process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length,
    bytes: process.memoryUsage().arrayBuffers,
  };
  console.log(JSON.stringify(resources));
});
