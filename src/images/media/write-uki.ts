import { type Segment, totalLength } from '../../model/files/segment.ts';
import { writeSegments } from '../output/write-segments.ts';
import type { Advance } from '../tools/progress.ts';
import { aligned, type BootParts, mediaArguments, rootInitrd } from './media-layout.ts';
import { layOutUki } from './uki-layout.ts';

/**
 * Writes one file that UEFI boots alone, by HTTP or from a USB drive: systemd's stub with kernel, initrd, root and
 * arguments in it (https://uapi-group.org/specifications/specs/unified_kernel_image/). The root travels in the initrd.
 * @param path a file that is not there yet
 * @param stub from {@link findStub}
 * @param osRelease the text of the image's os-release
 * @throws BadImage with what to do; the operating system's error
 */
export async function writeUki(
  path: string,
  stub: Buffer,
  osRelease: string,
  { kernel, initrd, archive, append }: BootParts,
  advance: Advance,
): Promise<void> {
  const sections: readonly (readonly [name: string, segments: readonly Segment<string>[]])[] = [
    ['.osrel', [{ bytes: Buffer.from(osRelease) }]],
    ['.cmdline', [{ bytes: Buffer.from(mediaArguments(append)) }]],
    ['.linux', [kernel]],
    ['.initrd', [...aligned(initrd), ...rootInitrd(archive)]],
  ];
  const sizes = sections.map(([name, segments]) => ({ name, size: totalLength(segments) }));
  const { head, padding } = layOutUki(stub, sizes);
  const padded = sections.flatMap(([, segments], i) => [...segments, { bytes: Buffer.alloc(padding[i] ?? 0) }]);
  await writeSegments(path, [{ bytes: head }, ...padded], advance);
}
