import type { Scripts } from '../../ipxe-templates/scripts/wanted.ts';
import type { RecordEvent } from '../../model/event.ts';
import type { Boot } from '../../model/fleet/boot.ts';
import type { BootStore } from '../../model/fleet/boot-store.ts';
import type { Fleet } from '../../model/fleet/status.ts';
import type { Tracker } from '../../model/fleet/tracker.ts';
import type { KnownFacts } from '../../model/machine/known-facts.ts';
import type { Config } from '../../model/settings/config.ts';
import type { BootNews } from '../observe/boot-news.ts';
import type { Neighbours } from './neighbours.ts';
import type { Authorise } from './tokens/api-tokens.ts';

/** Options of `createFleet`. */
export interface FleetOptions {
  readonly tracker: Tracker;
  /** The last boots of machines before this daemon began, as they ended. */
  readonly earlier: readonly Boot[];
  /** Undefined where nothing is kept. */
  readonly store: BootStore | undefined;
  readonly config: () => Config;
  /** What machines have told of themselves. */
  readonly facts: KnownFacts;
  /** Whose events those are that name an address which no machine was heard to ask for. */
  readonly neighbour: Neighbours;
  /** Adds a node to the configuration file. */
  readonly adopt: Fleet['adopt'];
  readonly authorise: Authorise;
  readonly record: RecordEvent;
  /** Gets what becomes of boots, where it is for this daemon to tell of. */
  readonly onNews: (news: BootNews) => void;
  readonly scripts: Pick<Scripts, 'preview' | 'show' | 'explain' | 'contentsOf'>;
  /** At least 32 hex digits that nobody can guess, for tokens. */
  readonly secret: string;
  /** The name of this daemon among those that share the store. */
  readonly origin: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}
