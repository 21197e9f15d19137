import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testWebhook } from '../../src/commands/check/test-webhook.ts';

const KEY = 'a key of some twenty bytes';
let folder: string;
let server: Server;
let file: string;
let status: number;
let got: unknown;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-webhook-'));
  [status, got] = [200, undefined];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const hook = new Webhook(KEY, { format: 'raw' });
    got = hook.verify(Buffer.concat(chunks).toString(), request.headers as Record<string, string>);
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  file = join(folder, 'config.yaml');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-place`;
  await writeFile(file, `webhooks: { ops: { url: "${url}", secret: !secret file:key } }\n`);
  await writeFile(join(folder, 'key'), `${KEY}\n`);
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

it('a test event is sent as any other, and it is said that it was taken', async () => {
  expect(await testWebhook(file, 'ops')).toMatch(/^webhook ops: the event msg_\S+ was taken\n$/);
  expect(got).toMatchObject({ type: 'webhook.test', level: 'info' });
});

it('why it was not taken is said, and not the URL', async () => {
  status = 403;
  const refused = await testWebhook(file, 'ops').catch((error: Error) => error.message);
  expect(refused).toBe('webhook ops: the event was not taken: it answered 403');
  await writeFile(join(folder, 'key'), 'short\n');
  await expect(testWebhook(file, 'ops')).rejects.toThrow('the secret has 5 bytes, and needs at least 16');
  await expect(testWebhook(file, 'op')).rejects.toThrow(/^there is no webhook op in .*: there are ops$/);
});
