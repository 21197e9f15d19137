import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web server on loopback that can be made to fail in chosen ways. */
export interface FlakyServer {
  readonly url: string;
  readonly requests: readonly IncomingMessage[];
  stop(): Promise<void>;
}

/** What a server does with its nth request, from 0. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse, n: number) => void;

/** Starts a server that behaves as told. */
export async function startFlakyServer(behave: Behaviour): Promise<FlakyServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    behave(request, response, requests.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/file`,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Answers with a file, ranges included; the connection breaks after `limit` bytes of the body. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: Buffer,
  { etag = '"1"', ranges = true, limit = Number.POSITIVE_INFINITY } = {},
): void {
  const condition = request.headers['if-range'];
  const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const partial = ranges && from !== undefined && (condition === undefined || condition === etag);
  const start = partial ? Number(from) : 0;
  const body = file.subarray(start);
  response.setHeader('etag', etag);
  response.setHeader('content-length', body.length);
  if (partial) response.setHeader('content-range', `bytes ${start}-${file.length - 1}/${file.length}`);
  response.writeHead(partial ? 206 : 200);
  if (body.length <= limit) response.end(body);
  else response.write(body.subarray(0, limit), () => response.destroy());
}
