import type { NotOpened } from '../model/files/open-file.ts';
import { pathParts } from '../model/files/path-parts.ts';

/** A path below the artifacts folder that is safe to join to it, or why it is not. */
export type SafePath = { readonly ok: true; readonly path: string } | NotOpened;

const refused = (why: string): NotOpened => ({ ok: false, reason: 'refused', why });

/**
 * Makes a requested path, percent-decoded once by the caller, into a relative one without empty or `.` parts. A path
 * that tries to leave the folder is refused. Names with a dot in front (such as the store's own `.slipway`) are hidden:
 * the file is missing.
 */
export function safePath(requested: string): SafePath {
  if (/[\0-\x1f\x7f]/.test(requested)) return refused('control character in the path');
  if (requested.includes('\\')) return refused('backslash in the path');
  if (requested.startsWith('/')) return refused('absolute path');
  const parts = pathParts(requested);
  if (parts.includes('..')) return refused('".." in the path');
  const path = parts.join('/');
  if (path === '' || requested.endsWith('/')) return { ok: false, reason: 'missing', why: 'a folder, not a file' };
  if (parts.some((part) => part.startsWith('.'))) return { ok: false, reason: 'missing', why: 'no such file' };
  return { ok: true, path };
}
