import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The file in which a running daemon says where it answers HTTP: in the folder that systemd, or the image of a
 * container, gives it for such things. Undefined where there is none.
 */
const listeningFile = ({ RUNTIME_DIRECTORY }: Env) => RUNTIME_DIRECTORY && join(RUNTIME_DIRECTORY, 'http');

/**
 * Says where the daemon answers HTTP.
 * @param addresses such as `192.0.2.10:8080`, none where HTTP is off; undefined when the daemon has stopped
 */
export async function writeListening(env: Env, addresses: readonly string[] | undefined): Promise<void> {
  const file = listeningFile(env);
  if (!file) return;
  if (addresses === undefined) return rm(file, { force: true });
  await writeFile(`${file}.new`, addresses.map((address) => `${address}\n`).join(''));
  await rename(`${file}.new`, file);
}

/** Where a running daemon answers HTTP; undefined where none has said it. */
export async function readListening(env: Env): Promise<readonly string[] | undefined> {
  const file = listeningFile(env);
  if (!file) return undefined;
  try {
    return (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
