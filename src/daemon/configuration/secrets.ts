import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { replaceSecrets, secretsIn } from '../../model/configuration/merge.ts';
import { plainMessage } from '../../model/plain-error.ts';

/** The longest secret, bytes. */
const MAX = 64 * 1024;

/**
 * Reads a secret; one line break at the end of a file is no part of it.
 * @param source `file:PATH`, relative to `folder`, or `env:NAME`
 * @throws Error that names the source and not the secret
 */
export async function readSecret(source: string, folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  if (source.startsWith('env:')) {
    const value = env[source.slice('env:'.length)];
    if (value === undefined) throw new Error(`the secret ${source} is not set in the server's environment`);
    return value;
  }
  const path = resolve(folder, source.slice('file:'.length));
  try {
    const file = await open(path);
    try {
      const buffer = Buffer.alloc(MAX + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      if (bytesRead > MAX) throw new Error(`it has more than ${MAX} bytes`);
      return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead)).replace(/\r?\n$/, '');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(`the secret ${source} cannot be read: ${plainMessage(error)}`, { cause: error });
  }
}

/** A configuration, or a part of one, with its secrets read. @throws see {@link readSecret} */
export async function withSecrets<T>(configuration: T, folder: string, env: NodeJS.ProcessEnv): Promise<T> {
  const read = secretsIn(configuration).map(async (source) => [source, await readSecret(source, folder, env)] as const);
  const values = new Map(await Promise.all(read));
  return replaceSecrets(configuration, (source) => values.get(source));
}
