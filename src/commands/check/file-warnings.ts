import { realpath } from 'node:fs/promises';
import { openInside } from '../../artifacts/open-file.ts';
import { type FileKind, KIND_BYTES, kindOf, noKernel } from '../../images/tools/file-kind.ts';
import type { Image } from '../../model/boot/image.ts';
import { rootMethodOf } from '../../model/boot/root-methods/methods.ts';
import { COMPRESSED_KINDS } from '../../model/boot/root-methods/root-method.ts';
import { readBytes } from '../../model/files/random-access.ts';
import type { Config } from '../../model/settings/config.ts';
import type { Warning } from './setting-warnings.ts';

const INITRD_KINDS = ['cpio', ...COMPRESSED_KINDS];

const called = (kind: FileKind): string =>
  ({ empty: 'is empty', text: 'is text', tar: 'is a tar archive', cpio: 'is a cpio archive' })[kind as string] ??
  `is ${COMPRESSED_KINDS.includes(kind) ? `a ${kind} file` : kind}`;

/** The first bytes of an artifact; undefined if it is missing or no file, which other checks report. */
async function startOf(root: string, path: string): Promise<Buffer | undefined> {
  const opened = await openInside(root, path).catch(() => undefined);
  if (!opened?.ok) return undefined;
  try {
    return await readBytes(opened.file, 0, KIND_BYTES);
  } finally {
    await opened.file.close();
  }
}

/** The files of an image, each with a check of its first bytes that returns the wrong kind, if any. */
function filesOf({ name, kernel, initrd, root }: Image) {
  const { reads } = rootMethodOf(root.method);
  const at = (...steps: (string | number)[]) => ['images', name, ...steps];
  /** A kind that is known, and none of these. */
  const none = (kinds: readonly string[]) => (start: Buffer) => {
    const kind = kindOf(start);
    return kind !== undefined && !kinds.includes(kind) ? kind : undefined;
  };
  return [
    { source: kernel, path: at('kernel'), needs: 'a kernel', wrong: noKernel },
    ...initrd.map((source, i) => ({
      ...{ source, path: at('initrd', i), needs: 'an initrd: cpio archives, compressed or not' },
      wrong: none(INITRD_KINDS),
    })),
    ...(root.source && reads
      ? [
          {
            ...{ source: root.source, path: at('root', 'source') },
            ...{ needs: `${reads.expected} for root method ${root.method}`, wrong: none(reads.kinds) },
          },
        ]
      : []),
  ];
}

/** The images that machines boot, without builds, each once. */
function imagesOf({ nodes, unknown }: Config): readonly Image[] {
  const images = [unknown, ...nodes.map(({ settings }) => settings)].flatMap(({ image }) => image?.value ?? []);
  return [...new Set(images)].filter(({ build }) => build === undefined);
}

/** Warnings about files whose first bytes do not fit their use. Reads only these bytes. */
export async function fileWarnings(config: Config): Promise<readonly Warning[]> {
  const root = await realpath(config.artifacts).catch(() => undefined);
  if (root === undefined) return [];
  const warnings: Warning[] = [];
  for (const { source, path, needs, wrong } of imagesOf(config).flatMap(filesOf)) {
    const start = source.kind === 'artifact' ? await startOf(root, source.path) : undefined;
    const kind = start && wrong(start);
    if (source.kind !== 'artifact' || kind === undefined) continue;
    warnings.push({ path, message: `${source.path} ${called(kind)}: expected ${needs}` });
  }
  return warnings;
}
