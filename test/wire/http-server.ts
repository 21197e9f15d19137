/** A program for the wire tests: serves a folder by HTTP until it is told to end. Arguments: folder, address, port. */
import { openStore } from '../../src/artifacts/store/store.ts';
import { createApp } from '../../src/http/app.ts';
import { createSender } from '../../src/http/send/send.ts';
import { startHttp } from '../../src/http/server/server.ts';
import { openSyscalls } from '../../src/model/sockets/syscalls.ts';
import { NO_CONFIGURATION, NO_CONTAINERS, NO_FLEET, NO_MIRROR } from '../support/no-fleet.ts';

const [root = '', host = '', port = ''] = process.argv.slice(2);
const record = (event: object) => console.log(JSON.stringify(event));
const store = await openStore({ root, record, now: Date.now, monotonic: () => performance.now(), settleMs: 100 });
const bootFiles = { open: async () => ({ ok: false, reason: 'missing', why: 'none here' }) as const };
const scripts = {
  forMac: async () => ({ kind: 'ignored', why: 'a test' }) as const,
  explain: async () => ({}),
  bootstrap: () => '#!ipxe\n',
};
const { syscalls } = await openSyscalls();
const send = createSender({ syscalls, sendfile: true, bufferMemory: 1 << 26, now: () => performance.now() });
const registry = { names: async () => undefined, manifest: async () => undefined, blob: store.openBlob };
const app = createApp(
  {
    scripts,
    artifacts: store,
    bootFiles,
    registry,
    configuration: NO_CONFIGURATION,
    containers: NO_CONTAINERS,
    mirror: NO_MIRROR,
    fleet: NO_FLEET,
    metrics: async () => undefined,
    record,
    now: Date.now,
    monotonic: () => performance.now(),
  },
  send,
);
const server = await startHttp({ port: Number(port), host, app, record: () => {}, now: Date.now });
const pins = await Promise.all(process.argv.slice(5).map(async (path) => [path, await store.pin(path)] as const));
console.log(JSON.stringify({ event: 'ready', listening: server.listening, pins }));
process.once('SIGTERM', () => server.stop(5000).then(() => store.close()));
