import { openTables } from '../../../src/daemon/state/sqlite.ts';
import type { BootStore } from '../../../src/model/fleet/boot-store.ts';

/** A store in the memory of this process, by the tables of the real one. */
export async function openMemoryStore(): Promise<BootStore & { end(): void }> {
  const { tables } = await openTables(':memory:');
  return {
    add: async (changes) => tables.add(changes),
    latest: async () => tables.latest('', 1e6),
    boots: async (mac, limit) => tables.boots(mac, limit),
    boot: async (id) => tables.boot(id),
    byIds: async (ids) => JSON.parse(tables.byIds(ids)),
    bootsOf: async (image, limit) => tables.bootsOf(image, limit),
    notes: async (kind) => tables.notes(kind),
    note: async (kind, key) => tables.note(kind, key),
    putNote: async (kind, key, value) => tables.putNote(kind, key, value),
    addNote: async (kind, key, value) => tables.addNote(kind, key, value),
    addOutput: async (output, at) => tables.addOutput(output, at),
    output: async (boot, after, limit) => tables.output(boot, after, limit),
    outputEnds: async (boot) => tables.outputEnds(boot),
    pruneOutput: async (before) => tables.pruneOutput(before),
    prune: async (before, keep) => tables.prune(before, keep),
    // It outlives the daemons that use it.
    close: async () => {},
    end: () => tables.close(),
  };
}
