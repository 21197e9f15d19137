import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RandomAccessFile } from '../../model/files/random-access.ts';
import type { OciImage } from '../oci/oci-image.ts';
import { type FileTree, indexLayers } from '../rootfs/flatten.ts';
import { type FetchedImage, fetchImage } from '../store/fetch-image.ts';
import { storePaths } from '../store/publish.ts';
import { type ImageSource, mustBeRoot } from '../store/source.ts';
import { openLayer } from '../tools/layer-files.ts';
import type { Progress } from '../tools/progress.ts';
import type { Tools } from '../tools/tool-run.ts';

/** Settings of {@link openImage}. */
export interface OpenOptions {
  /** The artifacts folder. */
  readonly artifacts: string;
  /** As Go spells it; undefined for that of this machine. */
  readonly arch?: string | undefined;
  /** Accepts registries with plain HTTP or unknown certificates. */
  readonly insecure?: boolean | undefined;
  readonly tools: Tools;
  readonly progress: Progress;
  /** Ends the build, with everything as it was before. */
  readonly signal?: AbortSignal | undefined;
}

/** An image that was fetched, its layers unpacked from their compression and open. */
export interface OpenImage extends FileTree {
  readonly image: FetchedImage;
  close(): Promise<void>;
}

/** Bytes of an image's layers, compressed as they are. */
export function layersSize({ layers }: Pick<OciImage, 'layers'>): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}

/**
 * Fetches an image and reads the members of its layers.
 * @param folder a new folder for its blobs and uncompressed layers, on the file system of the artifacts
 * @throws BadImage, BadArchive, ToolFailed and MissingTool; the operating system's error
 */
export async function openImage(source: ImageSource, folder: string, options: OpenOptions): Promise<OpenImage> {
  const { artifacts, arch, insecure = false, tools, progress, signal } = options;
  await mkdir(folder);
  const [title, size] =
    source.kind === 'tar'
      ? [`reading ${source.path}`, (await stat(source.path)).size]
      : [`fetching ${source.reference}`, undefined];
  const image = await progress.stage(title, size, (advance) =>
    fetchImage({
      ...{ source, architecture: arch, insecure, blobs: storePaths(artifacts).blobs, work: folder, tools },
      progress: advance,
    }),
  );
  const layers: RandomAccessFile[] = [];
  const close = async () => void (await Promise.all(layers.map((layer) => layer.close())));
  try {
    await progress.stage('unpacking layers', layersSize(image), async (advance) => {
      for (const [i, { digest }] of image.layers.entries()) {
        layers.push(await openLayer(tools, image.file(digest), join(folder, `layer-${i}.tar`), advance));
      }
    });
    const tree = await progress.stage('reading what is in them', undefined, () => indexLayers(layers, signal));
    mustBeRoot(tree, source);
    return { image, layers, tree, close };
  } catch (error) {
    await close();
    throw error;
  }
}
