/**
 * Requests at a steady rate, whatever the answers take, and how long each took from when it was due. Those of the first
 * second, in which this program itself is still slow, do not count.
 * `node --import tsx test/bench/pace.ts '{"address":"192.0.2.10","port":8080,"path":"/","rate":1000,"connections":16,"seconds":3}'`
 */
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** Milliseconds. */
export interface PaceResult {
  readonly middle: number;
  readonly percentile99: number;
  readonly slowest: number;
  readonly answered: number;
  readonly failed: number;
}

const { address, port, path, rate, connections, seconds } = JSON.parse(process.argv[2] ?? '{}');
/** Milliseconds. */
const WARM_UP = 1000;
const request = `GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`;
const due: number[] = [];
const idle: Socket[] = [];
const took: number[] = [];
let failed = 0;
let started = 0;

function next(socket: Socket): void {
  const at = due.shift();
  if (at === undefined) {
    idle.push(socket);
    return;
  }
  socket.write(request);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const [head = '', body = ''] = text.split('\r\n\r\n', 2);
    if (text.length < head.length + 4 || body.length < Number(/content-length: (\d+)/i.exec(head)?.[1])) return;
    socket.removeAllListeners('data');
    if (!head.startsWith('HTTP/1.1 200')) failed++;
    if (at - started >= WARM_UP) took.push(performance.now() - at);
    next(socket);
  });
}

await Promise.all(
  Array.from({ length: connections }, () => {
    const socket = connect({ host: address, port, noDelay: true });
    socket.on('error', () => failed++);
    return new Promise<void>((resolve) =>
      socket.once('connect', () => {
        next(socket);
        resolve();
      }),
    );
  }),
);
started = performance.now();
setTimeout(() => console.log('begun'), WARM_UP);
let asked = 0;
const timer = setInterval(() => {
  const now = performance.now();
  while (asked < ((now - started) / 1000) * rate) due.push(started + (asked++ / rate) * 1000);
  while (due.length > 0 && idle.length > 0) next(idle.pop() as Socket);
  if (now - started < WARM_UP + seconds * 1000) return;
  clearInterval(timer);
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  const result: PaceResult = {
    middle: at(0.5),
    percentile99: at(0.99),
    slowest: at(1),
    answered: took.length,
    failed,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}, 1);
