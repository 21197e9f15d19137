import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Member, tar } from '../dracut-modules/archives.ts';
import { folder, runLibrary, SHELLS } from '../dracut-modules/shell.ts';

// What the layers of an image hide below them, as overlayfs of the kernel shows it to a container.

const file = (name: string): Member => ({ name, content: 'x' });
const BELOW = ['etc/', 'etc/sub/', 'etc/sub/b', 'etc/a', 'keep/', 'keep/x', 'keep/y', 'top'];
const members = (names: readonly string[]) => names.map((name) => (name.endsWith('/') ? { name } : file(name)));

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  /** The files that a container sees of layers, the lowest first, sorted. */
  async function seen(...layers: readonly (readonly string[])[]): Promise<readonly string[]> {
    const path = await folder();
    const digests: string[] = [];
    await mkdir(join(path, 'containers/images/key'), { recursive: true });
    for (const names of layers) {
      const bytes = tar(members(names));
      const hex = createHash('sha256').update(bytes).digest('hex');
      await writeFile(join(path, hex), bytes);
      digests.push(`sha256:${hex}`);
    }
    await writeFile(join(path, 'containers/images/key/layers'), digests.map((each) => `${each}\n`).join(''));
    const { stdout, stderr } = await runLibrary(
      shell,
      path,
      `containers_run=$slipway_run/containers
      . $slipway_parts/containers-images.sh
      containers_image_key() { echo key; }
      containers_kept=''
      slipway_tmpfs $slipway_run/scratch 64m
      containers_scratch=$slipway_run/scratch containers_layers=$slipway_run/scratch/layers
      for layer in ${digests.join(' ')}; do
        at=$containers_layers/$(containers_layer_id $layer)
        mkdir -p $at/t
        containers_unpack_layer $at/t $layer < $slipway_run/\${layer#sha256:} || cat $slipway_run/failure
      done
      if containers_mount_image r $slipway_run/scratch/step; then cd $slipway_run/scratch/step/rootfs && find . -type f
      else cat $slipway_run/failure; fi`,
    );
    if (stderr) throw new Error(stderr);
    return stdout
      .trim()
      .split('\n')
      .map((name) => name.slice(2))
      .sort();
  }

  test.each<readonly [string, readonly string[], readonly string[]]>([
    ['a file', ['etc/', 'etc/.wh.a'], ['etc/sub/b', 'keep/x', 'keep/y', 'top']],
    ['a directory', ['.wh.etc'], ['keep/x', 'keep/y', 'top']],
    ['a directory that it makes anew', ['.wh.etc', 'etc/', 'etc/new'], ['etc/new', 'keep/x', 'keep/y', 'top']],
    ['all in a directory', ['etc/', 'etc/.wh..wh..opq', 'etc/new'], ['etc/new', 'keep/x', 'keep/y', 'top']],
    ['all in a directory, said last', ['etc/', 'etc/new', 'etc/.wh..wh..opq'], ['etc/new', 'keep/x', 'keep/y', 'top']],
    ['all in a directory in another', ['etc/sub/', 'etc/sub/.wh..wh..opq'], ['etc/a', 'keep/x', 'keep/y', 'top']],
    ['all', ['.wh..wh..opq', 'new', 'etc/', 'etc/c'], ['etc/c', 'new']],
    ['all, with a name in full', ['./', './.wh..wh..opq', './new'], ['new']],
  ])('a layer hides %s', async (_, above, expected) => {
    expect(await seen(BELOW, above)).toEqual(expected);
    // And a layer above that knows nothing of it.
    expect(await seen(BELOW, above, ['keep/', 'keep/z'])).toEqual([...expected, 'keep/z'].sort());
  });
});
