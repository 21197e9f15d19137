import type { Tree } from './artifacts/trees.ts';
import { readWhole } from './model/open-file.ts';
import { isSha256 } from './model/sha256.ts';
import { BLOCK } from './model/verity.ts';
import type { Export, Exports } from './nbd/export.ts';
import { lazyRoots, type World } from './world.ts';

/**
 * What nodes read as block devices: each version of an image by its SHA-256, filled up to whole blocks, and its hash tree
 * behind it. Versions that were replaced stay for the nodes that run from them.
 */
export function nbdExports(world: () => World): Exports {
  const trees = new Map<string, { readonly tree: Tree; users: number }>();

  return {
    open: async (name) => {
      const { store } = world();
      // Whatever the folder has may be read by HTTP too; here it costs a tree.
      if (!isSha256(name)) return undefined;
      const opened = await store.openBlob(name);
      if (!opened.ok) return undefined;
      const { file } = opened;
      const held = trees.get(name);
      const tree = held?.tree ?? (await store.trees.get(name).catch(() => undefined));
      if (!tree?.ok) {
        await file.close();
        return undefined;
      }
      const entry = trees.get(name) ?? { tree, users: 0 };
      entry.users += 1;
      trees.set(name, entry);
      let open = true;
      const { blocks, bytes } = tree;
      const end = blocks * BLOCK;
      return {
        size: end + bytes.length,
        read: async (buffer, position) => {
          const fromFile = Math.max(0, Math.min(buffer.length, file.size - position));
          if (fromFile > 0 && !(await readWhole(file, buffer.subarray(0, fromFile), position))) return false;
          buffer.fill(0, fromFile);
          const start = Math.max(0, end - position);
          if (start < buffer.length)
            buffer.set(bytes.subarray(position + start - end, position + buffer.length - end), start);
          return true;
        },
        close: async () => {
          if (!open) return;
          open = false;
          entry.users -= 1;
          if (entry.users === 0) trees.delete(name);
          await file.close();
        },
      } satisfies Export;
    },
    names: () => {
      const { config, store } = world();
      return lazyRoots(config).flatMap((path) => store.pinned(path)?.digest ?? []);
    },
  };
}
