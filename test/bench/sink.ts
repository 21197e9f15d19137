/**
 * A load of HTTP downloads that costs its machine as little as possible: the bytes of the bodies are thrown away in the
 * kernel. `node --import tsx test/bench/sink.ts '{"address":"192.0.2.10","port":8080,"path":"/a","clients":64,"seconds":2}'`
 * prints one JSON object, see {@link SinkResult}.
 */
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { performance } from 'node:perf_hooks';
import koffi from 'koffi';

/** What is asked for. */
export interface SinkOptions {
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly clients: number;
  readonly seconds: number;
  /** Every second client, or each of them, reads no more than this, bytes per second. */
  readonly rate?: number;
  readonly slow?: 'half' | 'all';
  /** The clients begin at different places of a file of this size. */
  readonly spread?: number;
}

/** What came of it: bytes of bodies of the fast clients and of the slow ones, and the least that one client got. */
export interface SinkResult {
  readonly seconds: number;
  readonly fast: number;
  readonly slow: number;
  readonly least: number;
  readonly complete: number;
  readonly broken: number;
}

interface Client {
  readonly fd: number;
  readonly request: Buffer;
  readonly rate: number;
  total: number;
  /** Bytes of the body that are still to come; undefined while the head is awaited. */
  left: number | undefined;
  wakeAt: number;
}

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connect = libc.func('int connect(int fd, void *address, unsigned int length)');
const send = libc.func('intptr_t send(int fd, void *bytes, size_t count, int flags)');
const recv = libc.func('intptr_t recv(int fd, void *bytes, size_t count, int flags)');
const setOption = libc.func('int setsockopt(int fd, int level, int name, void *value, unsigned int length)');
const epollCreate = libc.func('int epoll_create1(int flags)');
const epollControl = libc.func('int epoll_ctl(int epoll, int operation, int fd, void *event)');
const epollWait = libc.func('int epoll_wait(int epoll, void *events, int most, int timeout)');

const STREAM = 1;
/** What clients have not read yet takes other machines' memory in real life: here it shares the kernel's limit for TCP. */
const [SOL_SOCKET, RCVBUFFORCE] = [1, 33];
const TRUNC = 0x20;
const PEEK = 2;
const IN = 1;
const ADD = 1;
const MODIFY = 3;
/** Bytes taken at a time, so that all clients get their turn. */
const GULP = 4 * 1024 * 1024;
/** Milliseconds after which it counts even if a client has got nothing. */
const RAMP = 6_000;
/** sizeof(struct epoll_event): packed on x86-64 only. */
const EVENT = process.arch === 'x64' ? 12 : 16;

const options = JSON.parse(process.argv[2] ?? '{}') as SinkOptions;
const head = Buffer.alloc(4096);
const nothing = Buffer.alloc(1);
const epoll = epollCreate(0);
const clients = new Map<number, Client>();

function event(fd: number, interest: number): Buffer {
  const bytes = Buffer.alloc(EVENT);
  bytes.writeUInt32LE(interest, 0);
  bytes.writeInt32LE(fd, EVENT - 8);
  return bytes;
}

function open(index: number): Client {
  const fd = socket(2, STREAM, 0);
  const address = Buffer.alloc(16);
  address.writeUInt16LE(2, 0);
  address.writeUInt16BE(options.port, 2);
  address.set(options.address.split('.').map(Number), 4);
  const room = Buffer.alloc(4);
  room.writeInt32LE(Math.min(4, 512 / options.clients) * 1024 * 1024);
  setOption(fd, SOL_SOCKET, RCVBUFFORCE, room, 4);
  if (connect(fd, address, 16) < 0) throw new Error(`connect: error ${koffi.errno()}`);
  const from = Math.floor(((options.spread ?? 0) * index) / options.clients);
  const range = options.spread === undefined ? '' : `Range: bytes=${from}-\r\n`;
  const request = Buffer.from(`GET ${options.path} HTTP/1.1\r\nHost: bench\r\n${range}\r\n`);
  const slow = options.slow === 'all' || (options.slow === 'half' && index % 2 === 0);
  const rate = slow ? (options.rate ?? 0) : Number.POSITIVE_INFINITY;
  const client: Client = { fd, request, rate, total: 0, left: undefined, wakeAt: performance.now() };
  send(fd, request, request.length, 0);
  epollControl(epoll, ADD, fd, event(fd, IN));
  clients.set(fd, client);
  return client;
}

let complete = 0;
let broken = 0;

/** Reads the response's head, and no byte of its body. False: nothing there. */
function readHead(client: Client): boolean {
  const count = recv(client.fd, head, head.length, PEEK | 0x40);
  if (count <= 0) return count === 0 ? lose(client) : false;
  const end = head.subarray(0, count).indexOf('\r\n\r\n');
  if (end < 0) return false;
  recv(client.fd, head, end + 4, 0x40);
  const text = head.toString('latin1', 0, end);
  if (!/^HTTP\/1.1 20[06]/.test(text)) throw new Error(text);
  client.left = Number(/content-length: (\d+)/i.exec(text)?.[1]);
  return true;
}

function lose(client: Client): false {
  broken++;
  clients.delete(client.fd);
  epollControl(epoll, 2, client.fd, event(client.fd, 0));
  return false;
}

/** Takes what is there. */
function take(client: Client, allowance: number): void {
  if (client.left === undefined && !readHead(client)) return;
  const count = recv(client.fd, nothing, Math.min(client.left ?? 0, GULP, allowance), TRUNC | 0x40);
  if (count < 0 && koffi.errno() === constants.errno.EAGAIN) return;
  if (count <= 0) return void lose(client);
  if (client.total === 0) served++;
  client.total += count;
  client.left = (client.left ?? 0) - count;
  if (client.left > 0) return;
  complete++;
  client.left = undefined;
  send(client.fd, client.request, client.request.length, 0);
}

const all = Array.from({ length: options.clients }, (_, index) => open(index));
const events = Buffer.alloc(EVENT * 512);
const opened = performance.now();
const paused = new Set<Client>();
/** When every client had got something; from then on it counts. */
let started: number | undefined;
let served = 0;
for (let now = opened; started === undefined || now < started + options.seconds * 1000; now = performance.now()) {
  if (started === undefined && (served >= options.clients || now > opened + RAMP)) {
    writeSync(1, 'begun\n');
    started = now;
    for (const client of all) client.total = 0;
    complete = 0;
  }
  const count = epollWait(epoll, events, 512, paused.size > 0 ? 5 : 50);
  for (let i = 0; i < count; i++) {
    const client = clients.get(events.readInt32LE(i * EVENT + EVENT - 8));
    if (!client) continue;
    if (client.rate === Number.POSITIVE_INFINITY) take(client, GULP);
    else {
      // A tenth of a second's worth, ten times a second: who was late, of the two, does not change the rate.
      take(client, client.rate / 10);
      client.wakeAt = Math.max(client.wakeAt + 100, now - 1000);
      epollControl(epoll, MODIFY, client.fd, event(client.fd, 0));
      paused.add(client);
    }
  }
  for (const client of paused) {
    if (client.wakeAt > now) continue;
    paused.delete(client);
    if (clients.has(client.fd)) epollControl(epoll, MODIFY, client.fd, event(client.fd, IN));
  }
}
const sum = (some: readonly Client[]) => some.reduce((total, client) => total + client.total, 0);
const result: SinkResult = {
  seconds: (performance.now() - (started ?? 0)) / 1000,
  fast: sum(all.filter(({ rate }) => rate === Number.POSITIVE_INFINITY)),
  slow: sum(all.filter(({ rate }) => rate !== Number.POSITIVE_INFINITY)),
  least: Math.min(...all.map(({ total }) => total)),
  complete,
  broken,
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
