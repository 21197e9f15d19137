import type { Tree } from '../artifacts/composed/verity-trees.ts';
import { singleFlight } from '../artifacts/single-flight.ts';
import { lazyRoots } from '../model/boot/used-files.ts';
import { readWhole } from '../model/files/open-file.ts';
import { isSha256 } from '../model/files/sha256.ts';
import { BLOCK } from '../model/files/verity.ts';
import type { Exports } from '../nbd/export.ts';
import type { ServingState } from './serving-state.ts';

/** Trees that stay in memory though nobody reads their versions, which are not in force any more. */
const MOST_IDLE = 4;

/**
 * What nodes read as block devices: each version of an image by its SHA-256, filled up to whole blocks, and its hash tree
 * behind it. Versions that were replaced stay for the nodes that run from them. Trees are read and checked once, however
 * often clients ask; an image is hashed for none of them, only where the configuration says that nodes read it so.
 */
export function nbdExports(state: () => ServingState): Exports {
  const trees = new Map<string, { readonly tree: Tree; users: number }>();
  const loading = new Map<string, Promise<Tree | undefined>>();

  const names = () => {
    const { config, store } = state();
    return lazyRoots(config).flatMap((path) => store.pinned(path)?.digest ?? []);
  };
  const load = (name: string, size: number): Promise<Tree | undefined> =>
    singleFlight(loading, name, async () => {
      const { store } = state();
      if (!names().includes(name)) return await store.trees.stored(name, size);
      const tree = await store.trees.get(name).catch(() => undefined);
      return tree?.ok ? tree : undefined;
    });
  const forgetIdle = () => {
    const current = names();
    const idle = [...trees].filter(([name, { users }]) => users === 0 && !current.includes(name));
    for (const [name] of idle.slice(0, -MOST_IDLE)) trees.delete(name);
  };

  return {
    open: async (name) => {
      if (!isSha256(name)) return undefined;
      const opened = await state().store.openBlob(name);
      if (!opened.ok) return undefined;
      const { file } = opened;
      const tree = trees.get(name)?.tree ?? (await load(name, file.size));
      if (!tree) {
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
          if (fromFile > 0 && !(await readWhole(file, buffer.subarray(0, fromFile), position))) return 0;
          buffer.fill(0, fromFile);
          const start = Math.max(0, end - position);
          if (start < buffer.length)
            buffer.set(bytes.subarray(position + start - end, position + buffer.length - end), start);
          return buffer.length;
        },
        close: async () => {
          if (!open) return;
          open = false;
          entry.users -= 1;
          forgetIdle();
          await file.close();
        },
      };
    },
    names,
  };
}
