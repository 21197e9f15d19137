/**
 * The client of the npm package `tftp`, to be run inside a namespace:
 * `node --import tsx test/support/npm-tftp-client.ts ADDRESS NAME LOCAL-FILE BLOCK-SIZE WINDOW-SIZE`.
 */
import { createRequire } from 'node:module';

interface Tftp {
  createClient(options: { host: string; blockSize: number; windowSize: number }): {
    get(remote: string, local: string, done: (error: Error | null) => void): void;
  };
}

const tftp = createRequire(import.meta.url)('tftp') as Tftp;
const [host = '', name = '', local = '', blockSize, windowSize] = process.argv.slice(2);
const client = tftp.createClient({ host, blockSize: Number(blockSize), windowSize: Number(windowSize) });
client.get(name, local, (error) => {
  if (error) throw error;
});
