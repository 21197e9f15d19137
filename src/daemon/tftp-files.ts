import type { Scripts } from '../ipxe-templates/scripts.ts';
import { isAutoexec, parseBootFileName } from '../model/boot/boot-file.ts';
import { type OpenResult, readWhole } from '../model/files/open-file.ts';
import type { TftpFile } from '../tftp/transfer/file.ts';
import type { ServingState } from './serving-state.ts';

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

/**
 * Opens the files that TFTP serves: iPXE binaries, a script beside each that leads iPXE here, and artifacts by path.
 */
export function tftpSource(state: () => ServingState, scripts: Scripts) {
  return async (name: string): Promise<TftpFile | 'missing' | 'directory' | 'refused'> => {
    const { store, bootFiles } = state();
    if (isAutoexec(name)) return fromText(scripts.bootstrap());
    if (parseBootFileName(name)) {
      const binary = fromStore(await bootFiles.open(name));
      if (binary !== 'missing') return binary;
    }
    return fromStore(await store.open(name));
  };
}
