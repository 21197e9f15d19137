import { extname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Config, Problem } from '../../model/config.ts';
import { resolving } from '../resolve.ts';
import type { ConfigFile } from '../schema.ts';
import { fileProblem, folderOf, type Loaded, readText } from './load.ts';

type Nodes = NonNullable<ConfigFile['nodes']>;

/** What the thread is given: see `parseSections`. */
export interface Task {
  readonly text: string;
  readonly file: string;
}

/**
 * What the thread sends. Nodes come as JSON, in several texts: those are read many times faster than objects are copied,
 * and between two there is time for requests. Nothing in a configuration is lost by it.
 */
export type FromThread =
  | {
      readonly ok: true;
      readonly rest: ConfigFile;
      readonly lots: readonly string[];
      readonly missing: readonly Problem[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

function parseAside(task: Task): Promise<FromThread> {
  const program = new URL(`./load-thread${extname(import.meta.url)}`, import.meta.url);
  const thread = new Worker(program, { workerData: task });
  return new Promise((resolve) => {
    const fail = (why: string) =>
      resolve({ ok: false, problems: [fileProblem(task.file, `the file could not be read: ${why}`)] });
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
 * Does what loadConfig does, but on a thread of its own: ten thousand nodes take half a second, in which no request would
 * be answered. Never rejects.
 * @param known a text that need not be read: undefined is returned for it
 */
export async function loadConfigAside(file: string, known: string | undefined): Promise<Loaded | undefined> {
  const read = await readText(file);
  if ('problem' in read) return { ok: false, problems: [read.problem], text: undefined };
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
  return { ok: true, config: { ...config, missing: message.missing }, text };
}
