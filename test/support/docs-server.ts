import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Request, type Response } from 'express';
import type { AppOptions } from '../../src/http/app-options.ts';
import { readBuiltFiles } from '../../src/http/built/built-files.ts';
import { docsRoute } from '../../src/http/built/docs.ts';
import { normaliseTarget } from '../../src/http/server/target.ts';

/** A server on a loopback port that has only the documentation, with its requests as the daemon's routes get them. */
export async function startDocsServer(folder: string): Promise<{ readonly url: string; stop(): void }> {
  const app = express();
  app.use(docsRoute({ record: () => {} } as unknown as AppOptions, () => readBuiltFiles(folder)));
  const server = createServer((request, response) => {
    const { url = '/' } = request;
    app(Object.assign(request, { originalUrl: url, url: normaliseTarget(url) }) as Request, response as Response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
