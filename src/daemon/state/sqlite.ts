import { open, rename } from 'node:fs/promises';
import type { Boot, BootStep, BootWithSteps } from '../../model/fleet/boot.ts';
import type { BootChange, LatestBoot, NoteKind, NumberedOutput, Output } from '../../model/fleet/boot-store.ts';
import type { Mac } from '../../model/machine/mac.ts';
import { CORRUPT, type Database, findDriver, NOT_A_DATABASE, type OpenDatabase, resultCode } from './driver.ts';
import * as sql from './tables.ts';

/** The calls of a store in one thread; each blocks it. */
export interface Tables {
  add(changes: readonly BootChange[]): void;
  /** In the order of addresses, from the one after this. */
  latest(after: string, limit: number): readonly LatestBoot[];
  boots(mac: Mac, limit: number): readonly Boot[];
  boot(id: string): BootWithSteps | undefined;
  /** The boots as JSON: a receiver reads a text faster than it gets so many objects. */
  byIds(ids: readonly string[]): string;
  bootsOf(image: string, limit: number): readonly BootWithSteps[];
  notes(kind: NoteKind): readonly (readonly [key: string, value: unknown])[];
  note(kind: NoteKind, key: string): unknown;
  putNote(kind: NoteKind, key: string, value: object | undefined): void;
  addNote(kind: NoteKind, key: string, value: object): object;
  addOutput(output: Output, at: number): void;
  output(boot: string, after: number, limit: number): readonly NumberedOutput[];
  outputEnds(boot: string): readonly (readonly [step: string, end: number])[];
  pruneOutput(before: number): void;
  prune(before: number, keep: number): void;
  close(): void;
}

/** A row of a step: JSON. */
interface StepRow {
  readonly boot: string;
  readonly step: string;
}

/** A row of a boot as it was: SQL has null for what is absent. */
function toBoot(row: unknown): Boot {
  const { node, image, version, ...rest } = row as { readonly [K in keyof Boot]: NonNullable<Boot[K]> | null };
  return { ...rest, node: node ?? undefined, image: image ?? undefined, version: version ?? undefined } as Boot;
}

/** What every file of SQLite begins with (https://sqlite.org/fileformat.html). */
const HEADER = 'SQLite format 3\0';

/** Whether a file was one of SQLite's, and is damaged; what never was one is somebody else's. */
async function isDamaged(file: string, error: unknown): Promise<boolean> {
  if (resultCode(error) === CORRUPT) return true;
  if (resultCode(error) !== NOT_A_DATABASE) return false;
  const handle = await open(file);
  try {
    const start = Buffer.alloc(HEADER.length);
    await handle.read(start, 0, start.length, 0);
    return start.toString('latin1') === HEADER;
  } finally {
    await handle.close();
  }
}

/** Runs work as one transaction, which excludes other writers from its begin on. */
function transaction(database: Database, work: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    work();
    database.exec('COMMIT');
  } catch (error) {
    // Some errors have ended it already.
    try {
      database.exec('ROLLBACK');
    } catch {}
    throw error;
  }
}

/** @throws the driver's error; Error with the remedy for a file of a newer Slipway */
function prepare(database: Database, file: string): void {
  database.exec('PRAGMA journal_mode = WAL');
  // A commit outlives the death of this process; the death of the machine may take the last ones.
  database.exec('PRAGMA synchronous = NORMAL');
  database.exec('PRAGMA busy_timeout = 5000');
  database.exec('PRAGMA foreign_keys = ON');
  const [row] = database.prepare('PRAGMA user_version').all() as readonly { readonly user_version: number }[];
  const version = row?.user_version ?? 0;
  const steps = sql.STEPS_OF_TABLES;
  if (version > steps.length) {
    throw new Error(`${file} is of a newer Slipway: name another file with state:, or run that version`);
  }
  if (version === steps.length) return;
  transaction(database, () => {
    for (const step of steps.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${steps.length}`);
  });
}

/**
 * Opens the file, or makes it. A damaged one is moved aside, and a new one begun.
 * @param driver the one that is found, by default
 * @returns the tables, and where a damaged file lies now
 * @throws Error where there is no SQLite for this Node; the driver's error; the operating system's error
 */
export async function openTables(
  file: string,
  driver?: OpenDatabase,
): Promise<{ readonly tables: Tables; readonly damaged?: string }> {
  const open = driver ?? (await findDriver());
  const openFile = (): Database => {
    const database = open(file);
    try {
      prepare(database, file);
      database.prepare('SELECT count(*) FROM machine').all();
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  };
  try {
    return { tables: tablesOf(openFile()) };
  } catch (error) {
    if (!(await isDamaged(file, error))) throw error;
    const damaged = `${file}.damaged`;
    await rename(file, damaged);
    for (const suffix of ['-wal', '-shm']) await rename(`${file}${suffix}`, `${damaged}${suffix}`).catch(() => {});
    return { tables: tablesOf(openFile()), damaged };
  }
}

function tablesOf(database: Database): Tables {
  const addBoot = database.prepare(sql.ADD_BOOT);
  const addStep = database.prepare(sql.ADD_STEP);
  const addMachine = database.prepare(sql.ADD_MACHINE);
  const steps = database.prepare(sql.STEPS);
  const withSteps = (boot: Boot): BootWithSteps => ({
    ...boot,
    steps: (steps.all(boot.id) as readonly StepRow[]).map(({ step }) => JSON.parse(step) as BootStep),
  });
  const all = (text: string, ...values: (string | number)[]) =>
    database
      .prepare(text)
      .all(...values)
      .map(toBoot);
  const add = (changes: readonly BootChange[]) => {
    // The last state of each boot is enough; its row comes before its steps.
    const boots = new Map(changes.map(({ boot }) => [boot.id, boot]));
    for (const { node = null, image = null, version = null, restarts: _r, before: _b, ...boot } of boots.values()) {
      addBoot.run({ ...boot, node, image, version });
      addMachine.run(boot.mac, boot.id);
    }
    for (const { boot, step } of changes) addStep.run(boot.id, step.at, JSON.stringify(step));
  };
  const note = (kind: NoteKind, key: string): unknown => {
    const [row] = database.prepare(sql.GET_NOTE).all(kind, key) as readonly { readonly value: string }[];
    return row && JSON.parse(String(row.value));
  };
  return {
    add: (changes) => transaction(database, () => add(changes)),
    latest: (after, limit) =>
      all(sql.LATEST, after, limit).map((row) => {
        const { step, ...boot } = row as Boot & { readonly step?: string };
        return { ...boot, step: step === undefined ? undefined : (JSON.parse(step) as BootStep) };
      }),
    boots: (mac, limit) => all(sql.BOOTS, mac, limit),
    boot: (id) => all(sql.BOOT, id).map(withSteps)[0],
    byIds: (ids) => {
      const given = JSON.stringify(ids);
      const stepsOf = new Map<string, string[]>();
      for (const { boot, step } of database.prepare(sql.STEPS_OF).all(given) as readonly StepRow[]) {
        const known = stepsOf.get(boot);
        if (known) known.push(step);
        else stepsOf.set(boot, [step]);
      }
      const boots = all(sql.BY_IDS, given).map((boot) => {
        return `${JSON.stringify(boot).slice(0, -1)},"steps":[${(stepsOf.get(boot.id) ?? []).join()}]}`;
      });
      return `[${boots.join()}]`;
    },
    bootsOf: (image, limit) => all(sql.BOOTS_OF, image, limit).map(withSteps),
    notes: (kind) => {
      const rows = database.prepare(sql.NOTES_OF).all(kind) as readonly { key: string; value: string }[];
      return rows.map(({ key, value }) => [key, JSON.parse(value) as unknown] as const);
    },
    note,
    putNote: (kind, key, value) => {
      if (value) database.prepare(sql.PUT_NOTE).run(kind, key, JSON.stringify(value));
      else database.prepare(sql.REMOVE_NOTE).run(kind, key);
    },
    addNote: (kind, key, value) => {
      database.prepare(sql.ADD_NOTE).run(kind, key, JSON.stringify(value));
      return note(kind, key) as object;
    },
    addOutput: ({ boot, step, start, data }, at) => {
      database.prepare(sql.ADD_OUTPUT).run(boot, step, start, Buffer.byteLength(data, 'base64'), at, data);
    },
    output: (boot, after, limit) =>
      (database.prepare(sql.OUTPUT_AFTER).all(boot, after, limit) as readonly NumberedOutput[]).map((row) => ({
        ...row,
      })),
    outputEnds: (boot) => {
      const rows = database.prepare(sql.OUTPUT_ENDS).all(boot) as readonly {
        readonly step: string;
        readonly ends: number;
      }[];
      return rows.map(({ step, ends }) => [step, ends] as const);
    },
    pruneOutput: (before) => void database.prepare(sql.PRUNE_OUTPUT).run(before),
    prune: (before, keep) => {
      database.prepare(sql.PRUNE_AGE).run(before);
      database.prepare(sql.PRUNE_COUNT).run(keep);
      database.prepare(sql.PRUNE_CANCELLED).run();
    },
    close: () => void database.close(),
  };
}
