import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { checkHealth } from '../../src/commands/fleet/health.ts';
import { writeListening } from '../../src/daemon/serving/listening-file.ts';

/** Longer than an answer takes on a machine that has other work. */
const LONG = 60_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-health-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let servers: Server[] = [];
afterEach(() => {
  for (const server of servers) server.close().closeAllConnections();
  servers = [];
});

/** Answers HTTP somewhere. */
async function answering(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const well: RequestListener = ({ url }, response) => response.writeHead(url === '/healthz' ? 200 : 404).end();

const config = () => join(folder, 'config.yaml');
const env = () => ({ RUNTIME_DIRECTORY: folder });

test('a daemon that answers at each address that it has named is well, whatever the configuration says by now', async () => {
  const [one, two] = [await answering(well), await answering(well)];
  await writeFile(config(), 'nodes: [');
  await writeListening(env(), [one, two]);
  expect(await checkHealth({ config: config() }, env(), LONG)).toBe(`http://${one} answers\nhttp://${two} answers\n`);
});

test('one that hangs at an address, answers an error or has gone is not', async () => {
  const one = await answering(well);
  const check = async (other: string, patience = LONG) => {
    await writeListening(env(), [one, other]);
    return await checkHealth({ config: config() }, env(), patience);
  };
  const hanging = await answering(() => {});
  await expect(check(hanging, 1)).rejects.toThrow(/no daemon answers at http:.*: no answer in 0.001 s/);
  const failing = await answering((_, response) => response.writeHead(503).end());
  await expect(check(failing)).rejects.toThrow(`http://${failing} answered 503`);
  const gone = await answering(well);
  await new Promise((resolve) => servers.pop()?.close(resolve));
  await expect(check(gone)).rejects.toThrow(/no daemon answers at .*ECONNREFUSED/);
});

test('where no daemon has named its addresses, the configuration counts', async () => {
  await writeListening(env(), undefined);
  const address = await answering(well);
  const port = address.split(':')[1];
  await writeFile(config(), `server: { address: 127.0.0.1, http: { port: ${port} }, dhcp: { mode: off } }\n`);
  const answer = `http://${address} answers\n`;
  expect(await checkHealth({ config: config() }, env(), LONG)).toBe(answer);
  expect(await checkHealth({ config: config() }, {}, LONG)).toBe(answer);
  await writeFile(config(), 'server: { address: 127.0.0.1, http: false, dhcp: { mode: off } }\n');
  await expect(checkHealth({ config: config() }, {}, LONG)).rejects.toThrow(/server.http is off/);
  expect(await checkHealth({ config: config(), server: `http://${address}` }, {}, LONG)).toBe(answer);
});

test('a daemon without HTTP cannot be asked', async () => {
  await writeListening(env(), []);
  await expect(checkHealth({ config: config() }, env(), LONG)).rejects.toThrow(/server.http is off/);
});
