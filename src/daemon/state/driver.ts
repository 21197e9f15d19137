type Value = string | number | null;
type Values = readonly Value[] | readonly [Readonly<Record<string, Value>>];

/** A prepared statement. */
export interface Statement {
  run(...values: Values): void;
  /** The rows, with a member for each column. */
  all(...values: Values): readonly object[];
}

/** An open file of SQLite; each call blocks. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

/** Opens a file, or makes it. @throws what {@link resultCode} reads; the operating system's error */
export type OpenDatabase = (file: string) => Database;

/** The results of SQLite that are told apart here (https://sqlite.org/rescode.html). */
export const CORRUPT = 11;
export const NOT_A_DATABASE = 26;

const CODES: Readonly<Record<string, number>> = { SQLITE_CORRUPT: CORRUPT, SQLITE_NOTADB: NOT_A_DATABASE };

/** The primary result code of an error of either driver; undefined for other errors. */
export function resultCode(error: unknown): number | undefined {
  const { code = '', errcode } = error as { readonly code?: string; readonly errcode?: number };
  if (errcode !== undefined) return errcode & 0xff;
  return Object.entries(CODES).find(([name]) => code === name || code.startsWith(`${name}_`))?.[1];
}

/**
 * Finds an SQLite: the package better-sqlite3, which is faster, or else that of Node itself, from 22.13 and 23.4 on. So
 * one compiled binary, for an older Node, is enough for a package of the whole server.
 * @throws Error with the remedy where there is neither
 */
export async function findDriver(): Promise<OpenDatabase> {
  return (await betterSqlite()) ?? (await nodeSqlite()) ?? fail();
}

function fail(): never {
  throw new Error(
    `the npm package better-sqlite3 could not be loaded, and Node ${process.version} has no SQLite of its own: ` +
      'install Node 20, or one from 22.13 or 23.4 on',
  );
}

/** The driver of the package better-sqlite3; undefined where it is not installed, or compiled for another Node. */
async function betterSqlite(): Promise<OpenDatabase | undefined> {
  try {
    const { default: Sqlite } = await import('better-sqlite3');
    // The binary is loaded by the first database.
    new Sqlite(':memory:').close();
    return (file) => {
      const database = new Sqlite(file);
      return {
        exec: (sql) => void database.exec(sql),
        prepare: (sql) => database.prepare(sql) as unknown as Statement,
        close: () => void database.close(),
      };
    };
  } catch {
    return undefined;
  }
}

/** The driver of Node's own module; undefined where Node has none. */
async function nodeSqlite(): Promise<OpenDatabase | undefined> {
  // The types of Node 20 know no such module.
  const module: string = 'node:sqlite';
  const { DatabaseSync } = (await import(module).catch(() => ({}))) as {
    readonly DatabaseSync?: new (file: string) => Database;
  };
  return DatabaseSync && ((file) => new DatabaseSync(file));
}
