import { PHASES, type Phase } from './phases.ts';

/** A page, as it stands behind the `#` of the address: the server knows of one page only. */
export type Route =
  | { readonly page: 'fleet'; readonly query: string; readonly phases: ReadonlySet<Phase> }
  | { readonly page: 'node'; readonly name: string; readonly boot: string | undefined }
  | { readonly page: 'unknown' | 'images' };

/** Reads the part of an address from its `#` on. Anything else is the fleet. */
export function readRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  const parameters = new URLSearchParams(search);
  const [page, name = ''] = path.split('/');
  if (page === 'unknown' || page === 'images') return { page };
  const decoded = decodedName(name);
  if (page === 'node' && decoded !== '') return { page, name: decoded, boot: parameters.get('boot') ?? undefined };
  const phases = new Set((parameters.get('phase') ?? '').split(',').filter((each): each is Phase => isPhase(each)));
  return { page: 'fleet', query: parameters.get('q') ?? '', phases };
}

/** The name of a machine; empty where it cannot be decoded. */
function decodedName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return '';
  }
}

const isPhase = (text: string): text is Phase => (PHASES as readonly string[]).includes(text);

/** The address of a machine's page, or of one of its boots. */
export const nodeLink = (name: string, boot?: string): string =>
  `#/node/${encodeURIComponent(name)}${boot === undefined ? '' : `?boot=${boot}`}`;

/** The address of the fleet, filtered. */
export function fleetLink(query = '', phases: Iterable<Phase> = []): string {
  const parameters = new URLSearchParams();
  if (query !== '') parameters.set('q', query);
  const chosen = [...phases];
  if (chosen.length > 0) parameters.set('phase', chosen.join(','));
  const text = parameters.toString();
  return text === '' ? '#/' : `#/?${text}`;
}
