import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { fileProblem, folderOf, type Loaded, type LoadedSections } from './load.ts';
import { resolveConfig } from './resolve.ts';
import type { ConfigFile } from './schema.ts';

type Nodes = NonNullable<ConfigFile['nodes']>;

/**
 * What the thread sends. Nodes come as JSON, in several texts: that is read many times faster than objects are copied,
 * and between two texts there is time for requests. Nothing in a configuration is lost by it.
 */
export type FromThread =
  | { readonly rest: ConfigFile; readonly lots: readonly string[]; readonly text: string | undefined }
  | { readonly failed: LoadedSections & { readonly ok: false } };

/** What the thread says of a file. */
function messageOf(file: string): Promise<FromThread> {
  const program = new URL(`./load-thread${extname(import.meta.url)}`, import.meta.url);
  const thread = new Worker(program, { workerData: file });
  return new Promise((resolve) => {
    const fail = (why: string) => {
      const problems = [fileProblem(file, `the file could not be read: ${why}`)];
      resolve({ failed: { ok: false, problems, text: undefined } });
    };
    thread.once('error', ({ message }) => fail(message));
    thread.once('exit', () => fail('the thread for it ended'));
    thread.once('message', resolve);
  });
}

/**
 * Does what loadConfig does, but on a thread of its own: ten thousand nodes take half a second, in which no request would
 * be answered. Never rejects.
 */
export async function loadConfigAside(file: string): Promise<Loaded> {
  const message = await messageOf(file);
  if ('failed' in message) return message.failed;
  const { rest, lots, text } = message;
  const nodes: Nodes = {};
  for (const lot of lots) {
    for (const [name, section] of JSON.parse(lot) as readonly (readonly [string, Nodes[string]])[])
      nodes[name] = section;
    await setImmediate();
  }
  return { ok: true, config: resolveConfig({ ...rest, nodes }, folderOf(file)), text };
}
