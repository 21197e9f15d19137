import { readFile } from 'node:fs/promises';
import { requireCheckedConfig } from '../../daemon/serving/checked-config.ts';
import { resolveIdentities } from '../../daemon/serving/identity.ts';
import { readTokens } from '../../model/fleet/access.ts';
import { causeOf, plainMessage } from '../../model/plain-error.ts';
import { baseUrl } from '../../model/settings/server.ts';

/** A client of the daemon's API. */
export interface ApiClient {
  /** The answer to `GET /api/v1` and a path. @throws Error with the remedy */
  get<T>(path: string): Promise<T>;
  /** Changes something, by a token. @throws Error with the remedy */
  change(method: 'PUT' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>;
  /**
   * The data of server-sent events, one after the other, from now on.
   * @param onOpen called when they can come
   * @throws Error where no daemon answers any more
   */
  events<T>(path: string, onOpen: () => void): AsyncGenerator<T>;
}

/** Where the daemon of a configuration answers. @throws ConfigError, Error with the remedy */
export async function daemonUrl(configFile: string): Promise<string> {
  const { server } = (await requireCheckedConfig(configFile)).config;
  if (server.http === false)
    throw new Error('server.http is off in the configuration: give the daemon with --server URL');
  return baseUrl(resolveIdentities(server)[0]);
}

/**
 * A token for changes: `SLIPWAY_TOKEN`, or else the first of the configuration's file that allows them.
 * @throws Error with the remedy
 */
export async function tokenOf(configFile: string): Promise<string> {
  const given = process.env.SLIPWAY_TOKEN;
  if (given !== undefined && given !== '') return given;
  const remedy = 'run this as the user of the daemon, or give a token by the variable SLIPWAY_TOKEN';
  const { tokens: file } = (await requireCheckedConfig(configFile)).config.api;
  if (file === false) throw new Error('api.tokens is off in the configuration: the API changes nothing');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`no token for changes: ${file}: ${plainMessage(error)}; ${remedy}`);
  }
  const token = readTokens(text).tokens.find(({ scope }) => scope === 'write');
  if (!token) throw new Error(`${file} has no token for changes: ${remedy}`);
  return token.secret;
}

/**
 * @param url of the daemon, such as `http://192.0.2.2:8080`
 * @param token gives a token where one is needed
 */
export function apiClient(url: string, token: () => Promise<string>): ApiClient {
  let secret: string | undefined;
  const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
    let response: Response;
    try {
      const headers = { ...init.headers, ...(secret !== undefined && { Authorization: `Bearer ${secret}` }) };
      response = await fetch(`${url}/api/v1${path}`, { ...init, headers });
    } catch (error) {
      const why = plainMessage(causeOf(error));
      throw new Error(
        `no daemon answers at ${url}: ${why}; start it with "slipway serve", or name it with --server URL`,
      );
    }
    // Where reading is not open to all.
    if (response.status === 401 && secret === undefined) {
      secret = await token();
      return await request(path, init);
    }
    if (response.ok) return response;
    const text = await response.text();
    throw new Error(`${url} answered ${response.status}: ${errorOf(text)}`);
  };
  return {
    get: async <T>(path: string) => (await (await request(path)).json()) as T,
    change: async (method, path, body) => {
      const init = { method, ...(body && { body: JSON.stringify(body) }) };
      secret ??= await token();
      return await (await request(path, init)).json();
    },
    async *events<T>(path: string, onOpen: () => void) {
      let isOpen = false;
      // The daemon ends a stream after some minutes: the next one goes on behind the last event.
      for (let last = ''; ; ) {
        const response = await request(path, last === '' ? {} : { headers: { 'Last-Event-ID': last } });
        if (!isOpen) onOpen();
        isOpen = true;
        const decoder = new TextDecoder();
        let rest = '';
        for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
          const blocks = (rest + decoder.decode(piece, { stream: true })).split('\n\n');
          rest = blocks.pop() ?? '';
          for (const block of blocks) {
            const [, id, data] = /^id: (\d+)\ndata: (.*)$/.exec(block) ?? [];
            if (id === undefined || data === undefined) continue;
            last = id;
            yield JSON.parse(data) as T;
          }
        }
      }
    },
  };
}

function errorOf(text: string): string {
  try {
    return String((JSON.parse(text) as { error?: unknown }).error ?? text);
  } catch {
    return text.trim().slice(0, 200);
  }
}
