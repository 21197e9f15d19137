import { isAutoexec, parseBootFileName } from '../../model/boot/boot-file.ts';
import { type OpenResult, readWhole } from '../../model/files/open-file.ts';
import { startTftp } from '../../tftp/server.ts';
import type { TftpFile } from '../../tftp/transfer/file.ts';
import { listenAddress, type NetworkService, type ServiceContext } from './service.ts';

function fromText(text: string): TftpFile {
  const bytes = Buffer.from(text);
  return {
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    close: async () => {},
  };
}

function fromStore(opened: OpenResult): TftpFile | 'missing' | 'directory' | 'refused' {
  if (!opened.ok) return opened.reason === 'gone' ? 'missing' : opened.reason;
  const { file } = opened;
  return {
    size: file.size,
    read: async (offset, length) => {
      const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, file.size - offset)));
      // A version that was overwritten must not be mixed with the next.
      return (await readWhole(file, bytes, offset)) ? bytes : bytes.subarray(0, 0);
    },
    close: () => file.close(),
  };
}

/** TFTP: the iPXE binaries, a script beside each that leads iPXE here, and all artifacts, each by its path. */
export function tftpService({ state, scripts, syscalls, record, monotonic }: ServiceContext): NetworkService {
  const open = async (name: string): Promise<TftpFile | 'missing' | 'directory' | 'refused'> => {
    const { store, bootFiles } = state();
    if (isAutoexec(name)) return fromText(scripts.bootstrap());
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
