import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Member, makeTar } from './image-layers.ts';

const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** One request to a registry with its right answer. */
export interface Asked {
  readonly what: 'ping' | 'manifest' | 'config' | 'layer' | 'token';
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The registry's own URL. */
  readonly url: string;
  /** What an honest registry would send; of a token service, the token. */
  readonly bytes: Buffer;
  readonly type: string;
}

/** Whether a misbehaviour has given an answer; without one the registry is honest. */
export type Misbehave = (asked: Asked) => boolean;

/** A registry with one image, `boot/node:v1`, that lies as it is told. */
export interface HostileRegistry {
  /** `HOST:PORT`, by plain HTTP. */
  readonly host: string;
  /** How often each kind of document was asked for. */
  readonly asked: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

/** Sends zeros until the other side has enough of it. */
export function sendForEver(response: ServerResponse): true {
  const chunk = Buffer.alloc(65_536);
  const more = () => {
    if (response.destroyed) return;
    if (response.write(chunk)) setImmediate(more);
    else response.once('drain', more);
  };
  more();
  return true;
}

/** Starts it on loopback. */
export async function startHostileRegistry(
  members: readonly Member[],
  misbehave: Misbehave,
  token = false,
): Promise<HostileRegistry> {
  const tar = makeTar(members);
  const layer = gzipSync(tar);
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const rootfs = { type: 'layers', diff_ids: [sha256(tar)] };
  const config = json({ architecture: 'amd64', os: 'linux', config: {}, rootfs });
  const described = (bytes: Buffer, type: string) => ({
    ...{ mediaType: `application/vnd.oci.image.${type}`, digest: sha256(bytes), size: bytes.length },
  });
  const manifest = json({
    ...{ schemaVersion: 2, mediaType: MANIFEST, config: described(config, 'config.v1+json') },
    layers: [described(layer, 'layer.v1.tar+gzip')],
  });
  const documents: Readonly<Record<string, Omit<Asked, 'request' | 'response' | 'url'>>> = {
    '/v2/': { what: 'ping', bytes: Buffer.from('{}'), type: 'application/json' },
    '/token': { what: 'token', bytes: json({ token: 'abc' }), type: 'application/json' },
    '/v2/boot/node/manifests/v1': { what: 'manifest', bytes: manifest, type: MANIFEST },
    [`/v2/boot/node/manifests/${sha256(manifest)}`]: { what: 'manifest', bytes: manifest, type: MANIFEST },
    [`/v2/boot/node/blobs/${sha256(config)}`]: { what: 'config', bytes: config, type: 'application/octet-stream' },
    [`/v2/boot/node/blobs/${sha256(layer)}`]: { what: 'layer', bytes: layer, type: 'application/octet-stream' },
  };
  const asked: Record<string, number> = {};
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const document = documents[new URL(request.url ?? '', url).pathname];
    if (!document) return void response.writeHead(404).end();
    asked[document.what] = (asked[document.what] ?? 0) + 1;
    if (token && document.what !== 'token' && request.headers.authorization === undefined) {
      const challenge = `Bearer realm="${url}/token",service="x"`;
      return void response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
    if (misbehave({ ...document, request, response, url })) return;
    response.writeHead(200, { 'content-type': document.type, 'content-length': document.bytes.length });
    response.end(document.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const on =
  (what: Asked['what'], answer: (asked: Asked) => unknown): Misbehave =>
  (asked) => {
    if (asked.what !== what) return false;
    answer(asked);
    return true;
  };
const redirect = (to: (asked: Asked) => string) => (asked: Asked) =>
  asked.response.writeHead(302, { location: to(asked) }).end();
const send = (bytes: (asked: Asked) => Buffer | string, type?: string) => (asked: Asked) =>
  asked.response.writeHead(200, { 'content-type': type ?? asked.type }).end(bytes(asked));

const ROWS: readonly (readonly [name: string, misbehave: Misbehave, token?: true])[] = [
  ['a manifest that never comes', on('manifest', () => {})],
  ['a layer that stops', on('layer', ({ response }) => response.writeHead(200, { 'content-length': 500 }).write('x'))],
  [
    'a layer that ends early',
    on('layer', ({ response, bytes }) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 20), () => response.destroy());
    }),
  ],
  [
    'a layer that is shorter than was said',
    on(
      'layer',
      send(({ bytes }) => bytes.subarray(0, -9)),
    ),
  ],
  [
    'a layer that is longer than was said',
    on(
      'layer',
      send(({ bytes }) => Buffer.concat([bytes, Buffer.alloc(9)])),
    ),
  ],
  [
    'a layer without end',
    on('layer', ({ response, bytes }) => {
      response.writeHead(200);
      response.write(bytes);
      sendForEver(response);
    }),
  ],
  [
    'a layer of other bytes',
    on(
      'layer',
      send(({ bytes }) => Buffer.alloc(bytes.length)),
    ),
  ],
  [
    'a layer that is elsewhere for ever',
    on(
      'layer',
      redirect(({ request }) => String(request.url)),
    ),
  ],
  [
    'a layer in a file',
    on(
      'layer',
      redirect(() => 'file:///etc/hostname'),
    ),
  ],
  [
    'a layer by FTP',
    on(
      'layer',
      redirect(({ url }) => url.replace('http:', 'ftp:')),
    ),
  ],
  [
    'a manifest in a file',
    on(
      'manifest',
      redirect(() => 'file:///etc/hostname'),
    ),
  ],
  [
    'a manifest that is a page',
    on(
      'manifest',
      send(() => '<html>\n</html>', 'text/html'),
    ),
  ],
  [
    'a manifest without end',
    on('manifest', ({ response, type }) => {
      response.writeHead(200, { 'content-type': type });
      sendForEver(response);
    }),
  ],
  [
    'a manifest of 5 MB',
    on(
      'manifest',
      send(({ bytes }) => Buffer.concat([bytes, Buffer.alloc(5_000_000, ' ')])),
    ),
  ],
  [
    'a configuration of other bytes',
    on(
      'config',
      send(() => '{"architecture":"amd64","os":"linux"}'),
    ),
  ],
  ['a token service that never answers', on('token', () => {}), true],
  [
    'a token that is none',
    on(
      'token',
      send(() => '<html>'),
    ),
    true,
  ],
  [
    'a token without end',
    on('token', ({ response }) => {
      response.writeHead(200);
      sendForEver(response);
    }),
    true,
  ],
  [
    'a token service in a file',
    on(
      'token',
      redirect(() => 'file:///etc/hostname'),
    ),
    true,
  ],
];

/** What registries and token services do wrong, by which no image may come to be, and nothing may hang. */
export const MISDEEDS = ROWS.map(([name, misbehave, token = false]) => ({ name, misbehave, token }));
