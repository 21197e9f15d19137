import { pathParts } from '../../model/files/path-parts.ts';

/** `http://HOST:PORT` and what follows, of a request through a proxy (RFC 9112 section 3.2.2). */
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;

/**
 * A request's target as a path that begins with one slash and has no empty part, and the query. Firmware makes
 * `//boot/x`, `/ipxe//MAC` and `/ipxe/MAC/`; TFTP takes the same. A registry's paths stay as they are, as its
 * specification has them.
 * @returns undefined for a target that is no path: `*`, a malformed host, another scheme
 */
export function normaliseTarget(target: string): string | undefined {
  const [, host, rest = ''] = ABSOLUTE.exec(target) ?? [];
  if (host !== undefined && !URL.canParse(`http://${host}/`)) return undefined;
  const local = host === undefined ? target : rest.startsWith('/') ? rest : `/${rest}`;
  if (!local.startsWith('/')) return undefined;
  const [, path = '', query = ''] = /^([^?#]*)([^#]*)/.exec(local) ?? [];
  if (/^\/v2(?:\/|$)/.test(path)) return path + query;
  const clean = `/${pathParts(path).join('/')}`;
  return /^\/v2(?:\/|$)/.test(clean) ? path + query : clean + query;
}
