/**
 * A TFTP server of this project alone, to be run inside a namespace:
 * `node --import tsx test/support/tftp-daemon.ts ADDRESS PORT FOLDER`. Prints one JSON object per event, `ready` first.
 */
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { readHandle } from '../../src/model/files/random-access.ts';
import { openSyscalls } from '../../src/model/sockets/syscalls.ts';
import { type Opened, startTftp } from '../../src/tftp/server.ts';

const [address = '127.0.0.1', port = '69', folder = '.'] = process.argv.slice(2);

async function open(name: string): Promise<Opened> {
  try {
    const handle = await openFile(join(folder, name));
    const stat = await handle.stat();
    if (!stat.isFile()) {
      await handle.close();
      return 'directory';
    }
    return {
      size: stat.size,
      read: (buffer, position) => readHandle(handle, buffer, position),
      close: () => handle.close(),
    };
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return 'missing';
    throw error;
  }
}

const print = (event: object): void => console.log(JSON.stringify(event));
const { syscalls } = await openSyscalls();
const server = await startTftp({
  address,
  port: Number(port),
  open,
  record: print,
  syscalls,
  now: () => performance.now(),
});
print({ event: 'ready', listening: server.listening });
process.once('SIGTERM', async () => {
  await server.stop();
  process.exit(0);
});
