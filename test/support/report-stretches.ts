/**
 * Makes a program tell on SIGUSR2 for how long, at most, its main thread has worked since it told last without a look at
 * anything else: milliseconds of processor time, so that what other programs take does not count.
 * To be imported for it: `node --import tsx --import ./test/support/report-stretches.ts PROGRAM`.
 */
import { readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** Milliseconds between two looks. */
const EVERY = 2;

/** Milliseconds that the main thread has run (proc(5), schedstat). */
const ran = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;

if (isMainThread) {
  let before = ran();
  let longest = 0;
  setInterval(() => {
    const now = ran();
    longest = Math.max(longest, now - before);
    before = now;
  }, EVERY).unref();
  process.on('SIGUSR2', () => {
    console.log(JSON.stringify({ event: 'stretch', milliseconds: Math.round(longest * 10) / 10 }));
    longest = 0;
  });
}
