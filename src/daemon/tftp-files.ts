import type { Scripts } from '../ipxe-templates/scripts.ts';
import { isAutoexec, parseBootFileName } from '../model/boot/boot-file.ts';
import { type OpenResult, readWhole } from '../model/files/open-file.ts';
import { memoryFile, type RandomAccessFile } from '../model/files/random-access.ts';
import type { ServingState } from './serving-state.ts';

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

/**
 * What TFTP serves by name: the iPXE binaries, a script beside each that leads iPXE here, and all artifacts by path.
 */
export function tftpSource(state: () => ServingState, scripts: Scripts) {
  return async (name: string): Promise<RandomAccessFile | 'missing' | 'directory' | 'refused'> => {
    const { store, bootFiles } = state();
    if (isAutoexec(name)) return memoryFile(Buffer.from(scripts.bootstrap()));
    if (parseBootFileName(name)) {
      const binary = fromStore(await bootFiles.open(name));
      if (binary !== 'missing') return binary;
    }
    return fromStore(await store.open(name));
  };
}
