import { isAutoexec, parseBootFileName } from '../../model/boot/boot-file.ts';
import { type OpenResult, readWhole } from '../../model/files/open-file.ts';
import { memoryFile, type RandomAccessFile } from '../../model/files/random-access.ts';
import { startTftp } from '../../tftp/server.ts';
import { listenAddress, type NetworkService, type ServiceContext } from './service.ts';

function fromStore(opened: OpenResult): RandomAccessFile | 'missing' | 'directory' | 'refused' {
  if (!opened.ok) return opened.reason === 'gone' ? 'missing' : opened.reason;
  const { file } = opened;
  return {
    size: file.size,
    // A version that is no longer whole must not be mixed with the next.
    read: async (buffer, position) => ((await readWhole(file, buffer, position)) ? buffer.length : 0),
    close: () => file.close(),
  };
}

/** TFTP: the iPXE binaries, a script beside each that leads iPXE here, and all artifacts, each by its path. */
export function tftpService({ state, scripts, syscalls, record, monotonic }: ServiceContext): NetworkService {
  const open = async (name: string): Promise<RandomAccessFile | 'missing' | 'directory' | 'refused'> => {
    const { store, bootFiles } = state();
    if (isAutoexec(name)) return memoryFile(Buffer.from(scripts.bootstrap()));
    if (parseBootFileName(name)) {
      const binary = fromStore(await bootFiles.open(name));
      if (binary !== 'missing') return binary;
    }
    return fromStore(await store.open(name));
  };
  return {
    name: 'tftp',
    plan: (current) => {
      const { tftp } = current.config.server;
      const address = listenAddress(current);
      if (tftp === false) return undefined;
      return {
        key: JSON.stringify([tftp, address]),
        start: () => startTftp({ address, port: tftp.port, open, record, syscalls, now: monotonic }),
      };
    },
  };
}
