/** How a registry wants its clients to log in (RFC 9110 section 11.6.1). */
export type Challenge =
  | { readonly scheme: 'basic' }
  /** By a token (distribution's token authentication). */
  | { readonly scheme: 'bearer'; readonly realm: URL; readonly service: string | undefined };

/** The longest header that is read, characters: a registry's are some hundred. */
const LONGEST = 4096;

/** Reads `WWW-Authenticate`; undefined for what is neither of the two, or names no HTTP URL. */
export function parseChallenge(header: string): Challenge | undefined {
  if (header.length > LONGEST) return undefined;
  const [, scheme = '', rest = ''] = /^\s*([a-z]+)(?:\s+(.*))?$/i.exec(header) ?? [];
  if (/^basic$/i.test(scheme)) return { scheme: 'basic' };
  if (!/^bearer$/i.test(scheme)) return undefined;
  const parameters = new Map<string, string>();
  for (const [, key = '', quoted, plain] of rest.matchAll(/([a-z_-]+)=(?:"([^"]*)"|([^\s",]+))/gi))
    parameters.set(key.toLowerCase(), quoted ?? plain ?? '');
  const realm = parameters.get('realm') ?? '';
  if (!/^https?:\/\//i.test(realm) || !URL.canParse(realm)) return undefined;
  return { scheme: 'bearer', realm: new URL(realm), service: parameters.get('service') };
}

/** The URL of a token to pull from a repository (distribution, "Token Authentication Specification"). */
export function tokenUrl({ realm, service }: Challenge & { scheme: 'bearer' }, name: string): URL {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', `repository:${name}:pull`);
  return url;
}

/** Seconds that a token counts where its service does not say. */
const USUAL = 60;

/** Reads a token service's answer. @returns the token and its seconds; undefined for anything else */
export function parseToken(text: string): { readonly token: string; readonly seconds: number } | undefined {
  let json: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const token = json?.token ?? json?.access_token;
  // RFC 6750 section 2.1: all else cannot stand in a header.
  if (typeof token !== 'string' || !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return undefined;
  const given = json?.expires_in;
  return { token, seconds: typeof given === 'number' && given > 0 ? Math.min(given, 3600) : USUAL };
}
