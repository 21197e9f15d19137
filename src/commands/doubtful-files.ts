import { realpath } from 'node:fs/promises';
import { openInside } from '../artifacts/open-file.ts';
import { type FileKind, KIND_BYTES, kindOf, noKernel } from '../images/tools/file-kind.ts';
import type { Image, Root, Source } from '../model/boot/image.ts';
import type { Config } from '../model/config.ts';
import type { Doubt } from './doubts.ts';

const COMPRESSED: readonly FileKind[] = ['gzip', 'bzip2', 'xz', 'zstd', 'lz4', 'lzip', 'lzop', 'lzma'];
const PROGRAMS: readonly FileKind[] = ['bzImage', 'arm64 Image', 'UEFI program', 'ELF', 'text', 'empty'];
const FILESYSTEMS: readonly FileKind[] = ['squashfs', 'EROFS', 'ISO 9660', 'ext4'];
const ARCHIVE = { needs: 'an archive', not: [...PROGRAMS, ...FILESYSTEMS, 'cpio'] as readonly FileKind[] };
const IMAGE = { needs: 'a squashfs or EROFS image', not: [...PROGRAMS, ...COMPRESSED, 'tar', 'cpio'] as const };

/** For each root method, the expected file in words, and kinds of files that it cannot read. Unknown kinds pass. */
const ROOTS: Readonly<
  Record<Exclude<Root['method'], 'none'>, { readonly needs: string; readonly not: readonly FileKind[] }>
> = {
  'bootc-live': { ...ARCHIVE, needs: 'an OCI archive' },
  'container-root': { ...ARCHIVE, needs: 'a tar or OCI archive' },
  image: { ...IMAGE, not: [...IMAGE.not, 'ISO 9660', 'ext4'] },
  live: { ...IMAGE, needs: 'a squashfs, EROFS or ISO image' },
  lazy: { ...IMAGE, not: [...IMAGE.not, 'ISO 9660', 'ext4'] },
};
const INITRD_NOT: readonly FileKind[] = [...PROGRAMS, ...FILESYSTEMS, 'tar'];

const called = (kind: FileKind): string =>
  ({ empty: 'is empty', text: 'is text', tar: 'is a tar archive', cpio: 'is a cpio archive' })[kind as string] ??
  `is ${COMPRESSED.includes(kind) ? `a ${kind} file` : kind}`;

/** The first bytes of an artifact; undefined if it is missing or no file, which other checks report. */
async function startOf(root: string, path: string): Promise<Buffer | undefined> {
  const opened = await openInside(root, path).catch(() => undefined);
  if (!opened?.ok) return undefined;
  try {
    const buffer = Buffer.alloc(Math.min(KIND_BYTES, opened.file.size));
    return buffer.subarray(0, await opened.file.read(buffer, 0));
  } finally {
    await opened.file.close();
  }
}

/** The files of an image, each with a check of its first bytes that returns the wrong kind, if any. */
function filesOf({ name, kernel, initrd, root }: Image) {
  const at = (...steps: (string | number)[]) => ['images', name, ...steps];
  const among = (not: readonly FileKind[]) => (start: Buffer) => {
    const kind = kindOf(start);
    return kind !== undefined && not.includes(kind) ? kind : undefined;
  };
  return [
    { source: kernel, path: at('kernel'), needs: 'a kernel', wrong: noKernel },
    ...initrd.map((source, i) => ({
      ...{ source, path: at('initrd', i), needs: 'an initrd: cpio archives, compressed or not' },
      wrong: among(INITRD_NOT),
    })),
    ...(root.method === 'none'
      ? []
      : [
          {
            ...{ source: root.source as Source, path: at('root', 'source') },
            ...{
              needs: `${ROOTS[root.method].needs} for root method ${root.method}`,
              wrong: among(ROOTS[root.method].not),
            },
          },
        ]),
  ];
}

/** The images that machines boot, without builds, each once. */
function imagesOf({ nodes, unknown }: Config): readonly Image[] {
  const images = [unknown, ...nodes.map(({ settings }) => settings)].flatMap(({ image }) => image?.value ?? []);
  return [...new Set(images)].filter(({ build }) => build === undefined);
}

/** Warnings about files whose first bytes do not fit their use. Reads only these bytes. */
export async function doubtfulFiles(config: Config): Promise<readonly Doubt[]> {
  const root = await realpath(config.artifacts).catch(() => undefined);
  if (root === undefined) return [];
  const doubts: Doubt[] = [];
  for (const { source, path, needs, wrong } of imagesOf(config).flatMap(filesOf)) {
    const start = source.kind === 'artifact' ? await startOf(root, source.path) : undefined;
    const kind = start && wrong(start);
    if (source.kind !== 'artifact' || kind === undefined) continue;
    doubts.push({ path, message: `${source.path} ${called(kind)}: expected ${needs}` });
  }
  return doubts;
}
