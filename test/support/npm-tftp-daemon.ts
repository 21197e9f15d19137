/**
 * The server of the npm package `tftp`, to be run inside a namespace:
 * `node --import tsx test/support/npm-tftp-daemon.ts ADDRESS PORT FOLDER`. Prints `ready` and what goes wrong.
 */
import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';

interface Server extends EventEmitter {
  listen(): void;
}

const tftp = createRequire(import.meta.url)('tftp') as {
  createServer(options: { host: string; port: number; root: string; denyPUT: boolean }): Server;
};
const [host = '', port, root = '.'] = process.argv.slice(2);
const server = tftp.createServer({ host, port: Number(port), root, denyPUT: true });
server.on('listening', () => console.log('ready'));
server.on('request', (request: EventEmitter) => request.on('error', (error) => console.log(`failed: ${error}`)));
server.on('error', (error) => console.log(`failed: ${error}`));
server.listen();
