/** `machine` has the last boot of each, so that a status need not read all boots. */
const BOOTS_AND_STEPS = `
  CREATE TABLE boot (
    id TEXT PRIMARY KEY, mac TEXT NOT NULL, node TEXT, image TEXT, version TEXT,
    began INTEGER NOT NULL, last INTEGER NOT NULL, stage TEXT NOT NULL, outcome TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX boot_of_machine ON boot (mac, began);
  CREATE INDEX boot_of_image ON boot (image, outcome, began);
  CREATE INDEX boot_by_age ON boot (last);
  CREATE TABLE step (
    boot TEXT NOT NULL REFERENCES boot (id) ON DELETE CASCADE, at INTEGER NOT NULL, step TEXT NOT NULL
  ) STRICT;
  CREATE INDEX step_of_boot ON step (boot, at);
  CREATE TABLE machine (
    mac TEXT PRIMARY KEY, boot TEXT NOT NULL REFERENCES boot (id) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
`;

/** What is remembered beside boots, as JSON. */
const NOTES = `
  CREATE TABLE note (
    kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key)
  ) STRICT, WITHOUT ROWID;
`;

/** What steps of pipelines have printed; `size` in bytes, `data` in base64. */
const OUTPUT = `
  CREATE TABLE output (
    number INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, step TEXT NOT NULL, start INTEGER NOT NULL,
    size INTEGER NOT NULL, at INTEGER NOT NULL, data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX output_of_boot ON output (boot, number);
  CREATE INDEX output_by_age ON output (at);
`;

/** What makes the tables, step by step; `user_version` of the file says how many it has. */
export const STEPS_OF_TABLES: readonly string[] = [BOOTS_AND_STEPS, NOTES, OUTPUT];

const COLUMNS = 'id, mac, node, image, version, began, last, stage, outcome';

export const ADD_BOOT = `
  INSERT INTO boot (${COLUMNS}) VALUES (@id, @mac, @node, @image, @version, @began, @last, @stage, @outcome)
  ON CONFLICT (id) DO UPDATE SET node = excluded.node, image = excluded.image, version = excluded.version,
    last = excluded.last, stage = excluded.stage, outcome = excluded.outcome`;
export const ADD_STEP = 'INSERT INTO step (boot, at, step) VALUES (?, ?, ?)';
export const ADD_MACHINE =
  'INSERT INTO machine (mac, boot) VALUES (?, ?) ON CONFLICT DO UPDATE SET boot = excluded.boot';
export const LATEST = `
  SELECT ${COLUMNS}, (SELECT step FROM step WHERE step.boot = boot.id ORDER BY at DESC, rowid DESC LIMIT 1) AS step
  FROM boot WHERE id IN (SELECT boot FROM machine WHERE mac > ? ORDER BY mac LIMIT ?)
  ORDER BY mac`;
export const BOOTS = `SELECT ${COLUMNS} FROM boot WHERE boot.mac = ? ORDER BY began DESC LIMIT ?`;
export const BOOT = `SELECT ${COLUMNS} FROM boot WHERE id = ?`;
export const BOOTS_OF = `SELECT ${COLUMNS} FROM boot WHERE image = ? AND outcome = 'up' ORDER BY began DESC LIMIT ?`;
/** By a list of ids as JSON. */
export const BY_IDS = `SELECT ${COLUMNS} FROM boot WHERE id IN (SELECT value FROM json_each(?))`;
export const STEPS_OF = `
  SELECT boot, step FROM step WHERE boot IN (SELECT value FROM json_each(?)) ORDER BY boot, at, rowid`;
export const STEPS = 'SELECT step FROM step WHERE boot = ? ORDER BY at, rowid';
export const PRUNE_AGE = 'DELETE FROM boot WHERE last < ?';
export const PRUNE_COUNT = `
  DELETE FROM boot WHERE id IN (
    SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY mac ORDER BY began DESC) AS n FROM boot) WHERE n > ?)`;
export const NOTES_OF = 'SELECT key, value FROM note WHERE kind = ?';
export const PUT_NOTE =
  'INSERT INTO note (kind, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value';
export const REMOVE_NOTE = 'DELETE FROM note WHERE kind = ? AND key = ?';
export const ADD_NOTE = 'INSERT INTO note (kind, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING';
export const GET_NOTE = 'SELECT value FROM note WHERE kind = ? AND key = ?';
export const PRUNE_CANCELLED = `DELETE FROM note WHERE kind = 'cancelled' AND key NOT IN (SELECT id FROM boot)`;
export const ADD_OUTPUT = 'INSERT INTO output (boot, step, start, size, at, data) VALUES (?, ?, ?, ?, ?, ?)';
export const OUTPUT_AFTER = `
  SELECT number, boot, step, start, data FROM output WHERE boot = ? AND number > ? ORDER BY number LIMIT ?`;
export const OUTPUT_ENDS = 'SELECT step, max(start + size) AS ends FROM output WHERE boot = ? GROUP BY step';
export const PRUNE_OUTPUT = 'DELETE FROM output WHERE at < ?';
