import { singleFlight } from '../../artifacts/single-flight.ts';
import { away, type NotMirrored } from '../../model/files/mirrored.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { MirrorSettings } from '../../model/settings/registry.ts';
import { type Challenge, parseChallenge, parseToken, tokenUrl } from './challenge.ts';
import { type Answer, httpGet, readBody } from './http-get.ts';
import { type Repository, urlOf } from './reference.ts';

/** The largest answer of a token service, bytes. */
const LARGEST_TOKEN = 1024 * 1024;
/** Log-ins that are remembered, one for each repository. */
const MOST_TOKENS = 1000;
/** For how long a log-in by password is used without a challenge, milliseconds. */
const PASSWORD_MS = 60_000;

/** Options of {@link RegistryClient}. */
export interface ClientOptions {
  /** Reads a secret by its source. @throws Error that names the source alone */
  readonly secret: (source: string) => Promise<string>;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** See `Get` of http-get.ts. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** What is asked for. */
export interface Wanted {
  readonly repository: Repository;
  readonly settings: MirrorSettings;
  readonly method: 'GET' | 'HEAD';
  /** Below the repository: `manifests/latest`. */
  readonly path: string;
  readonly accept: readonly string[];
}

/** Asks registries, with the log-in that they want (OCI distribution specification 1.1, "Pull"). */
export class RegistryClient {
  private readonly options: ClientOptions;
  /** The header of each repository, and until when it counts. */
  private readonly known = new Map<string, { readonly header: string; readonly until: number }>();
  private readonly asking = new Map<string, Promise<string | NotMirrored | undefined>>();

  constructor(options: ClientOptions) {
    this.options = options;
  }

  /** The answer with status 200, its body still to be read or cancelled; or why there is none. */
  async get(wanted: Wanted): Promise<Answer | NotMirrored> {
    const { repository, settings, method, path, accept } = wanted;
    const { patienceMs, signal } = this.options;
    const url = urlOf(repository, settings.plainHttp, path);
    const headers = { ...(accept.length > 0 && { Accept: accept.join(', ') }) };
    const send = (authorization: string | undefined) =>
      httpGet({ url, method, headers, authorization, patienceMs, signal });
    let answer = await send(this.lastHeader(wanted));
    if (answer.ok && answer.status === 401) {
      answer.cancel();
      const challenge = parseChallenge(answer.headers.get('www-authenticate') ?? '');
      const header = challenge && (await this.logIn(challenge, wanted));
      if (typeof header === 'object') return header;
      if (header === undefined) return away(`${repository.host} wants a log-in, which the configuration does not have`);
      answer = await send(header);
    }
    if (!answer.ok || answer.status === 200) return answer;
    answer.cancel();
    if (answer.status === 404) return { ok: false, reason: 'missing', why: `${repository.host} does not have it` };
    return away(`${repository.host} answers with status ${answer.status}`);
  }

  /** Log-ins belong to the settings that they were made with. */
  private keyOf({ repository: { host, name }, settings: { plainHttp, login } }: Wanted): string {
    return JSON.stringify([host, name, plainHttp, login]);
  }

  private lastHeader(wanted: Wanted): string | undefined {
    const known = this.known.get(this.keyOf(wanted));
    return known && this.options.monotonic() < known.until ? known.header : undefined;
  }

  /** The header of a log-in; undefined where the registry wants another than there is. */
  private logIn(challenge: Challenge, wanted: Wanted): Promise<string | NotMirrored | undefined> {
    const key = this.keyOf(wanted);
    return singleFlight(this.asking, key, async () => {
      let found: { readonly header: string; readonly seconds: number } | NotMirrored | undefined;
      try {
        found = await this.headerFor(challenge, wanted);
      } catch (error) {
        return away(`the log-in to ${wanted.repository.host} failed: ${plainMessage(error)}`);
      }
      if (found === undefined || 'ok' in found) return found;
      this.known.delete(key);
      this.known.set(key, { header: found.header, until: this.options.monotonic() + found.seconds * 1000 });
      dropOldest(this.known, MOST_TOKENS);
      return found.header;
    });
  }

  private async headerFor(challenge: Challenge, { repository, settings: { login, plainHttp } }: Wanted) {
    const { secret, patienceMs, signal } = this.options;
    if (challenge.scheme === 'basic' && !login) return undefined;
    // Only the registry itself may say that its password goes out without TLS.
    if (challenge.scheme === 'bearer' && challenge.realm.protocol === 'http:' && login && !plainHttp)
      return away(`${repository.host} wants the password without TLS`);
    const basic =
      login && `Basic ${Buffer.from(`${login.username}:${await secret(login.secret)}`, 'utf8').toString('base64')}`;
    if (challenge.scheme === 'basic')
      return basic === undefined ? undefined : { header: basic, seconds: PASSWORD_MS / 1000 };
    const answer = await httpGet({
      ...{ url: tokenUrl(challenge, repository.name), method: 'GET', headers: {} },
      ...{ authorization: basic, patienceMs, signal },
    });
    if (!answer.ok) return answer;
    if (answer.status !== 200) {
      answer.cancel();
      return away(`the log-in to ${repository.host} failed with status ${answer.status}`);
    }
    const body = await readBody(answer, LARGEST_TOKEN, patienceMs);
    const token = body && parseToken(body.toString('utf8'));
    return token
      ? { header: `Bearer ${token.token}`, seconds: token.seconds }
      : away(`the log-in to ${repository.host} gave no token`);
  }
}
