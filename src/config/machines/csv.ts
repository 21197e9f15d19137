import { parse } from 'csv-parse/sync';
import { type Mac, parseMac } from '../../model/machine/mac.ts';

/** A node in a file of comma-separated values. */
export interface CsvRow {
  /** From 1. */
  readonly line: number;
  readonly macs: readonly Mac[];
  readonly hostname: string | undefined;
  /** What it is recognised by beside its addresses. */
  readonly match: Readonly<Partial<Record<'uuid' | 'serial' | 'asset', string>>>;
}

/** The rows of a file by the names of nodes, and its mistakes: `LINE: message`. */
export interface CsvFile {
  readonly rows: ReadonlyMap<string, CsvRow>;
  readonly mistakes: readonly string[];
}

const COLUMNS = ['name', 'mac', 'uuid', 'serial', 'asset', 'hostname'];

interface Parsed {
  readonly record: Readonly<Record<string, string | undefined>>;
  readonly info: { readonly lines: number };
}

function rowOf({ record, info }: Parsed): CsvRow | string {
  const { mac = '', hostname, uuid, serial, asset } = record;
  const macs: Mac[] = [];
  for (const text of mac.split(/[\s;]+/).filter((each) => each !== '')) {
    const read = parseMac(text);
    if (!read) return `${JSON.stringify(text)} is no MAC address`;
    macs.push(read);
  }
  const known = Object.entries({ uuid, serial, asset }).filter(([, value]) => value !== undefined && value !== '');
  if (macs.length === 0 && known.length === 0) return 'expected a mac, a uuid, a serial or an asset';
  return { line: info.lines, macs, hostname: hostname || undefined, match: Object.fromEntries(known) };
}

/**
 * Reads nodes from comma-separated values (RFC 4180) with a first line of column names: `name`, and `mac` (several with
 * blanks between them), `uuid`, `serial`, `asset`, `hostname`. Lines that begin with `#` are notes.
 */
export function readCsv(text: string): CsvFile {
  const rows = new Map<string, CsvRow>();
  const mistakes: string[] = [];
  let parsed: readonly Parsed[];
  try {
    const options = { bom: true, columns: true, comment: '#', comment_no_infix: true, info: true, trim: true };
    parsed = parse(text, { ...options, skip_empty_lines: true }) as unknown as readonly Parsed[];
  } catch (error) {
    return { rows, mistakes: [`1: ${(error as Error).message}`] };
  }
  const unknown = Object.keys(parsed[0]?.record ?? {}).find((column) => !COLUMNS.includes(column));
  if (unknown !== undefined) {
    mistakes.push(`1: unknown column ${JSON.stringify(unknown)}: expected some of ${COLUMNS.join(', ')}`);
  }
  for (const each of parsed) {
    const { lines } = each.info;
    const { name } = each.record;
    const row = rowOf(each);
    if (!name) mistakes.push(`${lines}: there is no name`);
    else if (typeof row === 'string') mistakes.push(`${lines}: ${row}`);
    else if (rows.has(name)) mistakes.push(`${lines}: ${name} is named in line ${rows.get(name)?.line} already`);
    else rows.set(name, row);
  }
  return { rows, mistakes };
}
