import type { BootStore, NumberedOutput } from '../../model/fleet/boot-store.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';

/** Output that is kept of one boot, bytes. */
const MAX = 16 * 1024 * 1024;
/** Boots of which it is known how far their output is. */
const BOOTS = 2000;

/** What became of a piece of output. */
export type OutputOutcome = 'kept' | 'enough';

/** The output of pipelines, in the store. A machine may send a piece again: what is there already is left out. */
export class Outputs {
  private readonly store: BootStore;
  private readonly now: () => number;
  private readonly known = new Map<string, Promise<Map<string, number>>>();

  /** @param now milliseconds since 1970 */
  constructor(store: BootStore, now: () => number) {
    this.store = store;
    this.now = now;
  }

  /**
   * Keeps a piece.
   * @param start the place of its first byte in the output of the step
   * @throws where the store is away: the machine sends it again
   */
  async add(boot: string, step: string, start: number, data: Buffer): Promise<OutputOutcome> {
    const ends = await this.endsOf(boot);
    const end = ends.get(step) ?? 0;
    const fresh = start < end ? data.subarray(end - start) : data;
    if (fresh.length === 0) return 'kept';
    const total = [...ends.values()].reduce((sum, each) => sum + each, 0);
    if (total + fresh.length > MAX) return 'enough';
    const from = Math.max(start, end);
    // Before it is kept: the next piece may come meanwhile.
    ends.set(step, from + fresh.length);
    try {
      await this.store.addOutput({ boot, step, start: from, data: fresh.toString('base64') }, this.now());
    } catch (error) {
      this.known.delete(boot);
      throw error;
    }
    return 'kept';
  }

  /** Pieces of a boot after a number, 0 for all. */
  async after(boot: string, number: number, limit: number): Promise<readonly NumberedOutput[]> {
    return await this.store.output(boot, number, limit);
  }

  private endsOf(boot: string): Promise<Map<string, number>> {
    const known = this.known.get(boot) ?? this.store.outputEnds(boot).then((ends) => new Map(ends));
    this.known.delete(boot);
    this.known.set(boot, known);
    known.catch(() => this.known.delete(boot));
    dropOldest(this.known, BOOTS);
    return known;
  }
}
