import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Network } from './network.ts';

/** A way from this machine into a network of its own. */
export interface Window {
  /** On a loopback port of this machine. */
  readonly url: string;
  close(): void;
}

/** Passes what comes to a Unix socket on to an address: a file is the same in all networks. */
const PASS_ON = `
const { connect, createServer } = require('node:net');
const [path, host, port] = process.argv.slice(1);
const server = createServer((from) => {
  const to = connect(Number(port), host);
  for (const each of [from, to]) each.on('error', () => { from.destroy(); to.destroy(); });
  from.pipe(to).pipe(from);
});
server.listen(path, () => console.log('open'));
`;

/**
 * Opens a window to a port of a network's host.
 * @param host the name of the host in which the address is
 */
export async function openWindow(network: Network, host: string, address: string, port: number): Promise<Window> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-window-'));
  const path = join(folder, 'socket');
  const inside = network.start(host, process.execPath, ['-e', PASS_ON, path, address, String(port)]);
  await inside.until(/open/);
  const server = createServer((from) => {
    const to = connect(path);
    // Either side may leave at any time.
    pipeline(from, to, from).catch(() => {
      from.destroy();
      to.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      void inside.stop('SIGKILL').then(() => rm(folder, { recursive: true, force: true }));
    },
  };
}
