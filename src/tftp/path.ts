import { pathParts } from '../model/files/path-parts.ts';

/** A requested name made safe, or why it cannot be. */
export type NormalName =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly reason: 'empty' | 'too-long' | 'parent' | 'control-character' | 'not-utf-8' };

/** Linux's limit of a path. */
const MAX_NAME = 4096;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Makes a relative, slash-separated path of the name that a client asks for. Windows boot files come with backslashes,
 * others with a leading slash or doubled ones; firmware that takes the name from a DHCP option unterminated adds 0xFF
 * or control octets at the end.
 * @param requested one character per octet
 * @returns a path without empty, `.` or `..` parts, decoded as UTF-8
 */
export function normaliseName(requested: string): NormalName {
  if (requested.length > MAX_NAME) return { ok: false, reason: 'too-long' };
  const octets = requested.replace(/[\x00-\x1f\x7f\xff]+$/, '').replaceAll('\\', '/');
  if (/[\x00-\x1f\x7f]/.test(octets)) return { ok: false, reason: 'control-character' };
  const parts = pathParts(octets);
  if (parts.includes('..')) return { ok: false, reason: 'parent' };
  if (parts.length === 0) return { ok: false, reason: 'empty' };
  try {
    return { ok: true, name: utf8.decode(Buffer.from(parts.join('/'), 'latin1')) };
  } catch {
    return { ok: false, reason: 'not-utf-8' };
  }
}
