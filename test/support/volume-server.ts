import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { createVolumeStores } from '../../src/daemon/containers/stores/volume-stores.ts';
import { type StoreSettings, wantedChanges } from '../../src/model/containers/stored-files.ts';

/** What answers a machine about its volumes, as the daemon does. */
export interface VolumeServer {
  /** What a machine has in `slipway.containers=`. */
  readonly base: string;
  /** Methods and paths, in order. */
  readonly requests: readonly string[];
  /** The settings of all volumes; each has its name as its prefix. */
  store: StoreSettings;
}

/** Starts a server, until the test that runs ends. */
export async function startVolumeServer(store: StoreSettings): Promise<VolumeServer> {
  const stores = createVolumeStores(Date.now);
  const requests: string[] = [];
  const answer = async (request: IncomingMessage): Promise<object> => {
    const prefix = request.url?.split('/').at(-1) ?? '';
    if (request.method === 'GET') return { files: await stores.list(served.store, prefix) };
    return await stores.presign(served.store, prefix, wantedChanges.parse(JSON.parse(await text(request))));
  };
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request).then(
      (found) => response.end(JSON.stringify(found)),
      (error) => response.writeHead(502).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve()).closeAllConnections()));
  const served = { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, store };
  return served;
}
