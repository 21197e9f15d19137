import type { Tree } from '../../artifacts/composed/verity-trees.ts';
import { singleFlight } from '../../artifacts/single-flight.ts';
import { lazyRoots } from '../../model/boot/used-files.ts';
import { readWhole } from '../../model/files/open-file.ts';
import { isSha256 } from '../../model/files/sha256.ts';
import { BLOCK } from '../../model/files/verity.ts';
import type { Exports } from '../../nbd/export.ts';
import { startNbd } from '../../nbd/server.ts';
import type { ServingState } from '../serving/serving-state.ts';
import { listenAddresses, type NetworkService, type ServiceContext } from './service.ts';

/** Most hash trees of replaced versions that stay in memory without a reader. */
const MAX_IDLE = 4;

/**
 * The block devices that nodes read: each version of an image by its SHA-256, padded to whole blocks, followed by its
 * hash tree. Replaced versions stay for the nodes that run from them. A tree is read and checked once, however often
 * clients ask. It is computed only if the configuration has nodes that read the image on demand, never on a client's
 * request.
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
    for (const [name] of idle.slice(0, -MAX_IDLE)) trees.delete(name);
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

/** NBD, where the configuration has roots that nodes read on demand. */
export function nbdService({ state, record, monotonic }: ServiceContext): NetworkService {
  const exports = nbdExports(state);
  return {
    name: 'nbd',
    plans: (current) => {
      const { nbd } = current.config.server;
      if (nbd === false || lazyRoots(current.config).length === 0) return [];
      return listenAddresses(current).map((address) => ({
        key: JSON.stringify([nbd, address]),
        start: () => startNbd({ address, port: nbd.port, exports, record, now: monotonic }),
      }));
    },
  };
}
