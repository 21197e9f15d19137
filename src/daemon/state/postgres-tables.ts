/**
 * The tables in PostgreSQL: those of tables.ts, and the events of all daemons. Numbers of milliseconds are `bigint`, which
 * the client gives as text; JSON is `text`, as `jsonb` takes no U+0000.
 */
const BOOTS_AND_STEPS = `
  CREATE TABLE boot (
    id text PRIMARY KEY, mac text NOT NULL, node text, image text, version text,
    began bigint NOT NULL, last bigint NOT NULL, stage text NOT NULL, outcome text NOT NULL
  );
  CREATE INDEX boot_of_machine ON boot (mac, began);
  CREATE INDEX boot_of_image ON boot (image, outcome, began);
  CREATE INDEX boot_by_age ON boot (last);
  CREATE TABLE step (
    number bigserial PRIMARY KEY, boot text NOT NULL REFERENCES boot (id) ON DELETE CASCADE,
    at bigint NOT NULL, step text NOT NULL
  );
  CREATE UNIQUE INDEX step_of_boot ON step (boot, at, md5(step));
  CREATE TABLE machine (mac text PRIMARY KEY, boot text NOT NULL REFERENCES boot (id) ON DELETE CASCADE);
  CREATE TABLE note (kind text NOT NULL, key text NOT NULL, value text NOT NULL, PRIMARY KEY (kind, key));
  CREATE TABLE event (
    id bigserial PRIMARY KEY, origin text NOT NULL, number bigint NOT NULL, at bigint NOT NULL, event text NOT NULL
  );
  CREATE INDEX event_by_age ON event (at);
`;

const OUTPUT = `
  CREATE TABLE output (
    number bigserial PRIMARY KEY, boot text NOT NULL, step text NOT NULL, start bigint NOT NULL,
    size bigint NOT NULL, at bigint NOT NULL, data text NOT NULL
  );
  CREATE INDEX output_of_boot ON output (boot, number);
  CREATE INDEX output_by_age ON output (at);
`;

/** What makes the tables, step by step; `slipway_version` says how many are done. */
export const STEPS_OF_TABLES: readonly string[] = [BOOTS_AND_STEPS, OUTPUT];

export const VERSION = `
  CREATE TABLE IF NOT EXISTS slipway_version (version integer NOT NULL);
  INSERT INTO slipway_version SELECT 0 WHERE NOT EXISTS (SELECT FROM slipway_version);
`;
export const GET_VERSION = 'SELECT version FROM slipway_version';
export const SET_VERSION = 'UPDATE slipway_version SET version = $1';

const COLUMNS = 'id, mac, node, image, version, began, last, stage, outcome';

/** Of several daemons, the one that knows most of a boot has the last word. */
export const ADD_BOOTS = `
  INSERT INTO boot (${COLUMNS})
  SELECT ${COLUMNS} FROM json_to_recordset($1) AS given (
    id text, mac text, node text, image text, version text, began bigint, last bigint, stage text, outcome text)
  ON CONFLICT (id) DO UPDATE SET node = excluded.node, image = excluded.image, version = excluded.version,
    last = excluded.last, stage = excluded.stage, outcome = excluded.outcome
  WHERE excluded.last >= boot.last`;
/** A daemon that writes late, as after an outage, does not make an older boot the last of its machine. */
export const ADD_MACHINES = `
  INSERT INTO machine AS kept (mac, boot)
  SELECT mac, boot FROM json_to_recordset($1) AS given (mac text, boot text)
  ON CONFLICT (mac) DO UPDATE SET boot = excluded.boot
  WHERE (SELECT began FROM boot WHERE id = excluded.boot) >= (SELECT began FROM boot WHERE id = kept.boot)`;
/** A lot whose commit got lost on the way is written again. */
export const ADD_STEPS = `
  INSERT INTO step (boot, at, step)
  SELECT boot, at, step FROM json_to_recordset($1) AS given (boot text, at bigint, step text)
  ON CONFLICT DO NOTHING`;
export const LATEST = `
  SELECT ${COLUMNS}, (SELECT step FROM step WHERE step.boot = boot.id ORDER BY at DESC, number DESC LIMIT 1) AS step
  FROM boot WHERE id IN (SELECT boot FROM machine) ORDER BY mac`;
export const BOOTS = `SELECT ${COLUMNS} FROM boot WHERE mac = $1 ORDER BY began DESC LIMIT $2`;
export const BY_IDS = `SELECT ${COLUMNS} FROM boot WHERE id = ANY($1)`;
export const BOOTS_OF = `
  SELECT ${COLUMNS} FROM boot WHERE image = $1 AND outcome = 'up' ORDER BY began DESC LIMIT $2`;
export const STEPS = 'SELECT boot, step FROM step WHERE boot = ANY($1) ORDER BY at, number';
export const PRUNE_AGE = 'DELETE FROM boot WHERE last < $1';
export const PRUNE_COUNT = `
  DELETE FROM boot WHERE id IN (
    SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY mac ORDER BY began DESC) AS n FROM boot) AS all_boots
    WHERE n > $1)`;
export const NOTES_OF = 'SELECT key, value FROM note WHERE kind = $1';
export const PUT_NOTE =
  'INSERT INTO note (kind, key, value) VALUES ($1, $2, $3) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value';
export const ADD_NOTE = 'INSERT INTO note (kind, key, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING';
export const GET_NOTE = 'SELECT value FROM note WHERE kind = $1 AND key = $2';
export const REMOVE_NOTE = 'DELETE FROM note WHERE kind = $1 AND key = $2';
export const PRUNE_CANCELLED = `DELETE FROM note WHERE kind = 'cancelled' AND key NOT IN (SELECT id FROM boot)`;
export const ADD_EVENTS = `
  INSERT INTO event (origin, number, at, event)
  SELECT origin, number, at, event
  FROM ROWS FROM (json_to_recordset($1) AS (origin text, number bigint, at bigint, event text))
    WITH ORDINALITY AS given (origin, number, at, event, place)
  ORDER BY place`;
export const LAST_EVENT = 'SELECT coalesce(max(id), 0) AS id FROM event';
export const EVENTS_AFTER = 'SELECT id, origin, number, at, event FROM event WHERE id > $1 ORDER BY id LIMIT $2';
export const PRUNE_EVENTS = 'DELETE FROM event WHERE at < $1';
export const ADD_OUTPUT = 'INSERT INTO output (boot, step, start, size, at, data) VALUES ($1, $2, $3, $4, $5, $6)';
export const OUTPUT_AFTER = `
  SELECT number, boot, step, start, data FROM output WHERE boot = $1 AND number > $2 ORDER BY number LIMIT $3`;
export const OUTPUT_ENDS = 'SELECT step, max(start + size) AS ends FROM output WHERE boot = $1 GROUP BY step';
export const PRUNE_OUTPUT = 'DELETE FROM output WHERE at < $1';
