import type { BootStore, NoteKind } from '../../../model/fleet/boot-store.ts';

/** Things of one kind that are remembered by a key: in memory, and in the store where there is one. */
export class Notes<T extends object> {
  private readonly kind: NoteKind;
  private readonly store: BootStore | undefined;
  private known: Map<string, T> = new Map<string, T>();
  private read = false;

  constructor(kind: NoteKind, store: BootStore | undefined) {
    this.kind = kind;
    this.store = store;
  }

  /** All by their keys. Where the store is away, those that are known. */
  async all(): Promise<ReadonlyMap<string, T>> {
    // Another daemon may have changed what several share.
    if (this.store && (!this.read || this.store.feed)) {
      try {
        const kept = (await this.store.notes(this.kind)) as readonly (readonly [string, T])[];
        this.known = new Map(this.store.feed ? kept : [...kept, ...this.known]);
        this.read = true;
      } catch {
        // It says itself that it is away; the next call asks again.
      }
    }
    return this.known;
  }

  /** One of them. Where the store is away, what is known. */
  async get(key: string): Promise<T | undefined> {
    if (!this.store?.feed) return (await this.all()).get(key);
    try {
      this.set(key, (await this.store.note(this.kind, key)) as T | undefined);
    } catch {
      // As above.
    }
    return this.known.get(key);
  }

  /** Remembers, or forgets where there is no value. Rejects where the store is away: then nothing has changed. */
  async put(key: string, value: T | undefined): Promise<void> {
    await this.all();
    await this.store?.putNote(this.kind, key, value);
    this.set(key, value);
  }

  /** The same, but in memory at least: a store that is away says so itself. */
  async note(key: string, value: T | undefined): Promise<void> {
    await this.all();
    this.set(key, value);
    await this.store?.putNote(this.kind, key, value).catch(() => {});
  }

  private set(key: string, value: T | undefined): void {
    if (value) this.known.set(key, value);
    else this.known.delete(key);
  }
}
