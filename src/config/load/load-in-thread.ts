import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Config, Problem } from '../../model/settings/config.ts';
import { resolving } from '../resolve/resolve.ts';
import type { ConfigFile } from '../schema.ts';
import { fileProblem, folderOf, type Loaded, readText } from './load.ts';

type Nodes = NonNullable<ConfigFile['nodes']>;

/** The thread's input: a file's text and name. */
export interface Task {
  readonly text: string;
  readonly file: string;
}

/**
 * The thread's result. Nodes come as JSON, because parsing is many times faster than copying objects; JSON keeps all
 * that a configuration has. They come in several texts, so that requests are answered in between.
 */
export type FromThread =
  | {
      readonly ok: true;
      readonly rest: ConfigFile;
      readonly lots: readonly string[];
      readonly missing: readonly Problem[];
      /** See {@link Loaded}. */
      readonly others: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly others: readonly string[] };

function parseAside(task: Task): Promise<FromThread> {
  const program = new URL(`./load-thread${extname(import.meta.url)}`, import.meta.url);
  const thread = new Worker(program, { workerData: task });
  return new Promise((resolve) => {
    const fail = (why: string) =>
      resolve({ ok: false, problems: [fileProblem(task.file, `the file could not be read: ${why}`)], others: [] });
    thread.once('error', ({ message }) => fail(message));
    thread.once('exit', () => fail('the thread for it ended'));
    thread.once('message', resolve);
  });
}

async function resolveInTurns(file: ConfigFile, baseDir: string): Promise<Config> {
  const steps = resolving(file, baseDir);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await setImmediate();
  }
}

/**
 * Loads a configuration as `loadConfig` does, but on a thread: ten thousand nodes take half a second, in which no
 * request would be answered. Never rejects.
 * @param known the text in force
 * @returns undefined if the file still has the known text
 */
export async function loadConfigAside(file: string, known: string | undefined): Promise<Loaded | undefined> {
  const read = await readText(file);
  if ('problem' in read) return { ok: false, problems: [read.problem], text: undefined, others: [] };
  const { text } = read;
  if (text === known) return undefined;
  const message = await parseAside({ text, file });
  if (!message.ok) return { ...message, text };
  const nodes: Nodes = {};
  for (const lot of message.lots) {
    for (const [name, section] of JSON.parse(lot) as readonly (readonly [string, Nodes[string]])[])
      nodes[name] = section;
    await setImmediate();
  }
  const config = await resolveInTurns({ ...message.rest, nodes }, folderOf(file));
  return { ok: true, config: { ...config, missing: message.missing }, text, others: message.others };
}
