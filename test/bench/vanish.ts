/**
 * Clients that ask for a file and vanish as soon as some of it has come, at a steady rate.
 * `node --import tsx test/bench/vanish.ts '{"address":"192.0.2.10","port":8080,"path":"/a","rate":200,"seconds":60}'`
 * prints how many there were.
 */
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';

/** Clients that were served, and those that could not be. */
export interface VanishResult {
  readonly served: number;
  readonly failed: number;
}

const { address, port, path, rate, seconds } = JSON.parse(process.argv[2] ?? '{}');
const request = `GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`;
let [asked, served, failed] = [0, 0, 0];

function ask(): void {
  const number = ++asked;
  const socket = connect({ host: address, port });
  let answered = false;
  socket.once('connect', () => socket.write(request));
  socket.once('data', () => {
    answered = true;
    // Some say so (RST), some just go (FIN), some after a while.
    if (number % 3 === 0) socket.resetAndDestroy();
    else if (number % 3 === 1) socket.destroy();
    else setTimeout(() => socket.resetAndDestroy(), 500);
  });
  socket.on('error', () => {});
  socket.once('close', () => {
    if (answered) served++;
    else failed++;
    if (served + failed < rate * seconds) return;
    const result: VanishResult = { served, failed };
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  });
}

const started = performance.now();
const timer = setInterval(() => {
  const due = Math.min(seconds, (performance.now() - started) / 1000) * rate;
  while (asked < due) ask();
  if (asked >= rate * seconds) clearInterval(timer);
}, 5);
