import { isAutoexec, parseBootFileName } from '../../model/boot/boot-file.ts';
import { type OpenResult, readWhole } from '../../model/files/open-file.ts';
import { memoryFile, type RandomAccessFile } from '../../model/files/random-access.ts';
import type { Arrival } from '../../model/settings/served-by.ts';
import { localAddressTowards } from '../../model/sockets/listen.ts';
import { type Opened, type Peer, startTftp } from '../../tftp/server.ts';
import { ANY, listenAddresses, type NetworkService, type ServiceContext } from './service.ts';

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
  /** The address that a client's request came to: nothing tells where it is that of the route back to the client. */
  const arrivalFrom = async (peer: Peer, address: string): Promise<Arrival> =>
    address !== ANY || state().servers.length === 1
      ? { local: address }
      : { local: await localAddressTowards(peer.address) };
  const open = async (name: string, peer: Peer, address: string): Promise<Opened> => {
    const { store, bootFiles } = state();
    if (isAutoexec(name)) {
      return memoryFile(Buffer.from(scripts.bootstrap(await arrivalFrom(peer, address))));
    }
    if (parseBootFileName(name)) {
      const binary = fromStore(await bootFiles.open(name));
      if (binary !== 'missing') return binary;
    }
    return fromStore(await store.open(name));
  };
  return {
    name: 'tftp',
    plans: (current) => {
      const { tftp } = current.config.server;
      if (tftp === false) return [];
      return listenAddresses(current).map((address) => ({
        key: JSON.stringify([tftp, address]),
        start: () =>
          startTftp({
            address,
            port: tftp.port,
            open: (name, peer) => open(name, peer, address),
            record,
            syscalls,
            now: monotonic,
          }),
      }));
    },
  };
}
