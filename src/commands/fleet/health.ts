import { readListening } from '../../daemon/serving/listening-file.ts';
import { causeOf, plainMessage } from '../../model/plain-error.ts';
import { daemonUrl } from './client.ts';

/** Options of `slipway health`. */
export interface HealthOptions {
  readonly config: string;
  readonly server?: string;
}

/** The time for an answer, milliseconds. */
const PATIENCE = 5000;

/**
 * Where the daemon is asked: at each address that it has said it listens on, and else where the configuration has it.
 * The configuration may have a mistake by now, with which the daemon does not serve.
 */
async function urlsOf({ config, server }: HealthOptions, env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  if (server !== undefined) return [server];
  const addresses = await readListening(env);
  if (addresses === undefined) return [await daemonUrl(config)];
  if (addresses.length === 0) throw new Error('server.http is off in the configuration: the daemon cannot be asked');
  return addresses.map((address) => `http://${address}`);
}

/**
 * `slipway health`: whether the daemon answers, at each of its addresses and in time.
 * @param patience the time for an answer, milliseconds
 * @throws Error where it does not
 */
export async function checkHealth(
  options: HealthOptions,
  env: NodeJS.ProcessEnv,
  patience = PATIENCE,
): Promise<string> {
  const ask = async (url: string) => {
    let status: number;
    try {
      const signal = AbortSignal.timeout(patience);
      ({ status } = await fetch(`${url}/healthz`, { signal, redirect: 'error' }));
    } catch (error) {
      const late = (error as Error).name === 'TimeoutError';
      const why = late ? `no answer in ${patience / 1000} s` : plainMessage(causeOf(error));
      throw new Error(`no daemon answers at ${url}: ${why}`);
    }
    if (status !== 200) throw new Error(`${url} answered ${status}`);
    return `${url} answers\n`;
  };
  return (await Promise.all((await urlsOf(options, env)).map(ask))).join('');
}
