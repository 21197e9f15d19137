import { onTestFinished } from 'vitest';
import type { StoreSettings } from '../../src/model/containers/stored-files.ts';
import { SERVER_ADDRESS } from './lab.ts';
import type { Network } from './network.ts';
import { type Running, start } from './process.ts';

const DAEMON = new URL('s3-daemon.ts', import.meta.url).pathname;

/** An S3-compatible server on loopback, which checks signatures. */
export interface S3Server {
  readonly store: StoreSettings;
  readonly process: Running;
}

// Its listings go on by tokens in a cipher that OpenSSL 3 does not have by itself.
const NODE = ['--openssl-legacy-provider', '--import', 'tsx', DAEMON];

/** Starts one on the host `server` of a lab, with its bucket `lab`. It ends with the network. */
export async function startLabS3Server(network: Network, directory: string, keys: readonly [string, string]) {
  const args = [...NODE, directory, '9000', SERVER_ADDRESS, ...keys];
  const started = network.start('server', globalThis.process.execPath, args);
  await started.until(/listening on/);
}

/**
 * Starts a server, until the test that runs ends.
 * @param directory where its objects are
 * @param port 0 for any
 */
export async function startS3Server(directory: string, port = 0): Promise<S3Server> {
  const process = start(globalThis.process.execPath, [...NODE, directory, String(port)]);
  onTestFinished(async () => void (await process.stop('SIGKILL')));
  const [, used] = await process.until(/listening on (\d+)/);
  const url = `http://127.0.0.1:${used}`;
  return { store: { url, bucket: 'lab', region: 'us-east-1', accessKey: 'S3RVER', secretKey: 'S3RVER' }, process };
}
