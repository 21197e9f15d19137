import { type Segment, totalLength } from '../../model/files/segment.ts';
import type { Flat } from '../output/output-files.ts';
import { writeSegments } from '../output/write-segments.ts';
import { readOsRelease } from '../rootfs/os-release.ts';
import { aligned, mediaArguments, rootInitrd } from './media-layout.ts';
import { layOutUki } from './uki-layout.ts';

/** What a unified kernel image is made of. */
export interface UkiParts {
  /** From {@link findStub}. */
  readonly stub: Buffer;
  readonly kernel: Segment<string>;
  readonly initrd: Segment<string>;
  /** The OCI archive. */
  readonly archive: readonly Segment<string>[];
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
  const sections: readonly (readonly [name: string, segments: readonly Segment<string>[]])[] = [
    ['.osrel', [{ bytes: Buffer.from((await readOsRelease(flat)).text) }]],
    ['.cmdline', [{ bytes: Buffer.from(mediaArguments(parts.args)) }]],
    ['.linux', [parts.kernel]],
    ['.initrd', [...aligned(parts.initrd), ...rootInitrd(parts.archive)]],
  ];
  const { head, padding } = layOutUki(
    parts.stub,
    sections.map(([name, segments]) => ({ name, size: totalLength(segments) })),
  );
  const padded = sections.flatMap(([, segments], i) => [...segments, { bytes: Buffer.alloc(padding[i] ?? 0) }]);
  await writeSegments(path, [{ bytes: head }, ...padded], parts.progress);
}
