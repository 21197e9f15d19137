import type { MachineReport } from '../../model/boot/fit/facts.ts';
import type { FoundBuild } from '../../model/boot/used-files.ts';
import type { BootEvent, RecordEvent } from '../../model/event.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';
import { type Mac, parseMac } from '../../model/machine/mac.ts';
import type { ServingState } from '../serving/serving-state.ts';
import { findMisfits } from './find-misfits.ts';
import { findLineFaults } from './kernel-lines.ts';
import { createFactReader } from './read-facts.ts';

/** Warnings that are logged at a time. */
const MOST = 20;
/** Machines whose memory is remembered. */
const MACHINES = 20_000;

/** Logs what cannot boot together. */
export interface FitLog {
  /** Notes what a machine says of itself. */
  readonly observe: (event: BootEvent) => void;
  /**
   * Looks at a configuration, and logs the warnings that the look before it did not have.
   * @throws the operating system's error
   */
  look(state: ServingState, builds: ReadonlyMap<string, FoundBuild>): Promise<void>;
}

export function createFitLog(record: RecordEvent): FitLog {
  const readFacts = createFactReader();
  const machines = new Map<Mac, MachineReport>();
  let logged: ReadonlySet<string> = new Set();
  let looks = 0;
  return {
    observe: ({ event, mac: text, memory }) => {
      const mac = event === 'boot.memory' && typeof text === 'string' ? parseMac(text) : undefined;
      if (mac === undefined || typeof memory !== 'number') return;
      machines.delete(mac);
      machines.set(mac, { memory });
      dropOldest(machines, MACHINES);
    },
    look: async ({ config, bootFiles, templates }, builds) => {
      const look = ++looks;
      const machine = (mac: Mac) => machines.get(mac) ?? {};
      const fits = await findMisfits({ config, bootFiles, builds, readFacts, machine });
      const misfits = [...fits, ...(await findLineFaults(config, templates))];
      // A later configuration is in force by now.
      if (look !== looks) return;
      const messages = misfits.map(({ path, message }) => `${path.join('.')}: ${message}`);
      const fresh = messages.filter((message) => !logged.has(message));
      logged = new Set(messages);
      for (const message of fresh.slice(0, MOST)) record({ event: 'config.warning', level: 'warn', message });
      const more = fresh.length - MOST;
      const message = `and ${more} more: "slipway check" lists all of them`;
      if (more > 0) record({ event: 'config.warning', level: 'warn', message });
    },
  };
}
