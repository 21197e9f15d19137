import type { Flat } from '../output/output-files.ts';
import { type Piece, piecesSize } from '../output/pieces.ts';
import { writePieces } from '../output/write-pieces.ts';
import { readOsRelease } from '../rootfs/os-release.ts';
import { aligned, mediaArguments, rootInitrd } from './media-layout.ts';
import { layOutUki } from './uki-layout.ts';

/** What a unified kernel image is made of. */
export interface UkiParts {
  /** From {@link findStub}. */
  readonly stub: Buffer;
  readonly kernel: Piece;
  readonly initrd: Piece;
  /** The OCI archive. */
  readonly archive: readonly Piece[];
  /** Kernel arguments beside `root=`. */
  readonly args: string;
  readonly progress: (bytes: number) => void;
}

/**
 * Writes one file that UEFI boots alone, by HTTP or from a USB drive: systemd's stub with kernel, initrd, root and
 * arguments in it (https://uapi-group.org/specifications/specs/unified_kernel_image/). The root travels in the initrd.
 * @param path a file that is not there yet
 * @throws BadImage with what to do; the operating system's error
 */
export async function writeUki(path: string, flat: Flat, parts: UkiParts): Promise<void> {
  const sections: readonly (readonly [name: string, pieces: readonly Piece[]])[] = [
    ['.osrel', [Buffer.from((await readOsRelease(flat)).text)]],
    ['.cmdline', [Buffer.from(mediaArguments(parts.args))]],
    ['.linux', [parts.kernel]],
    ['.initrd', [...aligned(parts.initrd), ...rootInitrd(parts.archive)]],
  ];
  const { head, padding } = layOutUki(
    parts.stub,
    sections.map(([name, pieces]) => ({ name, size: piecesSize(pieces) })),
  );
  const pieces = sections.flatMap(([, section], i) => [...section, Buffer.alloc(padding[i] ?? 0)]);
  await writePieces(path, [head, ...pieces], parts.progress);
}
