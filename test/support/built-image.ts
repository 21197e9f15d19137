import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImage } from '../../src/images/builder/build-image.ts';
import { NO_PROGRESS } from '../../src/images/tools/progress.ts';
import { createTools } from '../../src/images/tools/tool-run.ts';
import type { RootKind } from '../../src/model/boot/root-kind.ts';
import type { Member } from './image-layers.ts';
import { BOOT, writeLayout } from './image-source.ts';

/**
 * Builds an image as `slipway image build` does, of layers above one with a kernel and an initrd that boot nothing.
 * @returns the build's id
 */
export async function builtImage(
  artifacts: string,
  name: string,
  layers: readonly (readonly Member[])[],
  roots: readonly RootKind[] = ['oci'],
): Promise<string> {
  const layout = await mkdtemp(join(tmpdir(), 'slipway-layout-'));
  try {
    await writeLayout(layout, [BOOT, ...layers]);
    const { id } = await buildImage({
      ...{ artifacts, name, roots, source: { kind: 'skopeo', reference: `oci:${layout}` } },
      ...{ tools: createTools(process.env), progress: NO_PROGRESS, now: Date.now },
    });
    return id;
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}
