import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpServer, startHttp } from '../../src/http/server/server.ts';
import { Serving } from './serving.ts';

const servers: HttpServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop(0))));

async function start(listener: RequestListener): Promise<HttpServer> {
  const server = await startHttp({ port: 0, host: '127.0.0.1', app: { listener }, record: () => {}, now: Date.now });
  servers.push(server);
  return server;
}

describe('startHttp', () => {
  it('says where it listens', async () => {
    const server = await start((_, response) => response.end('x'));
    expect(server.listening).toEqual([`127.0.0.1:${server.port}`]);
  });

  it('names the port and the remedy when another program has it', async () => {
    const other = createServer();
    await once(other.listen(0, '127.0.0.1'), 'listening');
    const { port } = other.address() as AddressInfo;
    const failed = startHttp({ port, host: '127.0.0.1', app: { listener: () => {} }, record: () => {}, now: Date.now });
    await expect(failed).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringMatching(new RegExp(`TCP port ${port} is in use.*server\\.http\\.port`)),
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it('names an address that the machine does not have', async () => {
    const failed = startHttp({
      port: 0,
      host: '192.0.2.1',
      app: { listener: () => {} },
      record: () => {},
      now: Date.now,
    });
    await expect(failed).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      message: expect.stringContaining('192.0.2.1'),
    });
  });
});

describe('stopping', () => {
  it('closes idle and silent connections at once, and takes no more', async () => {
    const server = await start((_, response) => response.end('x'));
    const silent = connect(server.port, '127.0.0.1');
    const idle = connect(server.port, '127.0.0.1');
    await Promise.all([once(silent, 'connect'), once(idle, 'connect')]);
    idle.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'data');
    const closed = Promise.all([once(silent.resume(), 'close'), once(idle.resume(), 'close')]);
    await server.stop(60_000);
    await closed;
    await expect(fetch(`http://127.0.0.1:${server.port}/`)).rejects.toThrow();
  });

  it('lets what is being answered come to its end, and then closes the connection', async () => {
    let finish = () => {};
    const asked = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const server = await start((_, response) => {
      response.write('half ');
      finish();
      release.then(() => response.end('whole'));
    });
    let go = () => {};
    const release = new Promise<void>((resolve) => {
      go = resolve;
    });
    const response = fetch(`http://127.0.0.1:${server.port}/`).then((answer) => answer.text());
    await asked;
    const stopped = server.stop(60_000);
    go();
    expect(await response).toBe('half whole');
    await stopped;
  });

  it('cuts off what is not done when the grace period is over', async () => {
    const server = await start((_, response) => response.write('half'));
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    const closed = once(socket, 'close');
    socket.on('error', () => {});
    await server.stop(10);
    await closed;
  });
});

describe('a request that cannot be answered', () => {
  it.each([
    ['GET http://[::1/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['GET http://a:b/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['GET ftp://x/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['GET /boot/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
    ['GET /artifacts/a%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 403],
    ['GET /a\0b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n', 405],
    ['nonsense\r\n\r\n', 400],
  ])('%j gets a plain text of ours and a line in the log', async (request, status) => {
    const serving = await Serving.start();
    try {
      const answer = await serving.raw(request);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(answer).toMatch(/content-type: text\/plain/i);
      expect(answer).not.toMatch(/<html|<pre/i);
      expect(serving.events).toContainEqual(
        expect.objectContaining({ event: 'http.refused', status, client: '127.0.0.1' }),
      );
    } finally {
      await serving.stop();
    }
  });
});

describe('what all share', () => {
  it('is kept from one address with too many connections, with one message and the setting', async () => {
    const serving = await Serving.start({}, { perAddress: 3 });
    try {
      const sockets = Array.from({ length: 6 }, () => connect(serving.server.port, '127.0.0.1'));
      for (const socket of sockets) socket.on('error', () => {});
      const refused = sockets.map((socket) => once(socket, 'close').then(() => socket));
      const gone = await Promise.all([refused[3], refused[4], refused[5]]);
      expect(gone).toHaveLength(3);
      const told = serving.events.filter(({ event }) => event === 'http.crowded');
      expect(told).toHaveLength(1);
      expect(told[0]?.message).toContain('server.http.connections_per_address');
      for (const socket of sockets) socket.destroy();
      await Promise.all(refused);
      while ((await serving.raw('GET /healthz HTTP/1.0\r\n\r\n').catch(() => '')) === '');
    } finally {
      await serving.stop();
    }
  });

  it('is kept from a request that comes in drips', async () => {
    const serving = await Serving.start();
    try {
      const socket = connect(serving.server.port, '127.0.0.1');
      socket.on('error', () => {});
      const drip = setInterval(() => socket.write('X'), 500);
      const answer = once(socket, 'data');
      const ended = once(socket, 'close');
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX: ');
      expect(String((await answer)[0])).toMatch(/^HTTP\/1.1 408 /);
      await ended;
      clearInterval(drip);
      expect(serving.events).toContainEqual(expect.objectContaining({ event: 'http.refused', status: 408 }));
    } finally {
      await serving.stop();
    }
  }, 120_000);
});

describe('hostile requests', () => {
  it.each([
    ['garbage', '\0\x01\x02\xff\r\n\r\n', /^HTTP\/1.1 400 /],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400 /],
    ['a huge header', `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1.1 431 /],
    ['a huge URL', `GET /${'y'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, /^HTTP\/1.1 431 /],
    [
      'two lengths',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      /^HTTP\/1.1 400 /,
    ],
    [
      'a line break in a path',
      'GET /artifacts/%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      /^HTTP\/1.1 403 /,
    ],
    ['an absolute URL', 'GET http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', /^HTTP\/1.1 200 /],
    [
      'an absolute URL that climbs',
      'GET http://x/artifacts/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      /^HTTP\/1.1 40[34] /,
    ],
    ['a star', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', /^HTTP\/1.1 40[045] /],
    ['HTTP/1.0', 'GET /healthz HTTP/1.0\r\n\r\n', /^HTTP\/1.1 200 /],
    [
      'a body',
      'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc',
      /^HTTP\/1.1 200 /,
    ],
    [
      'many ranges',
      `GET /artifacts/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=${'0-0,'.repeat(3000)}1-1\r\n\r\n`,
      /^HTTP\/1.1 200 /,
    ],
    ['too long a pipeline', 'GET /artifacts/a HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(300), /^/],
    ['CONNECT', 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1.1 405 .*\r\n[\s\S]*\r\n\r\nonly GET/],
  ])('%s leaves the server in service', async (_, request, answer) => {
    const serving = await Serving.start();
    try {
      await serving.file('a', 'hello');
      expect(await serving.raw(request)).toMatch(answer);
      expect(await (await fetch(`${serving.url}/healthz`)).text()).toBe('ok\n');
    } finally {
      await serving.stop();
    }
  });
});
