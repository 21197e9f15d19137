import { createServer, request } from 'node:http';
import { pipeline } from 'node:stream';

/** A proxy before a server that takes a prefix off paths: `/boot/slipway/` is the server's `/`. */
export async function startPrefixProxy(
  target: string,
  prefix: string,
): Promise<{ readonly url: string; stop(): void }> {
  const server = createServer((from, to) => {
    if (!from.url?.startsWith(`${prefix}/`)) return void to.writeHead(404).end();
    const { method, headers } = from;
    const onward = request(`${target}${from.url.slice(prefix.length)}`, { method, headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      to.flushHeaders();
      pipeline(answer, to, () => {});
    });
    onward.on('error', () => to.destroy());
    pipeline(from, onward, () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
