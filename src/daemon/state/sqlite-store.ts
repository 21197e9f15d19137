import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { BootWithSteps } from '../../model/fleet/boot.ts';
import type { BootStore, LatestBoot } from '../../model/fleet/boot-store.ts';
import type { Tables } from './sqlite.ts';

/** Boots that are handed over at a time: more would keep the receiver busy too long. */
const PAGE = 250;

/** A call of the thread, by its number. */
export interface Call {
  readonly id: number;
  readonly name: keyof Tables;
  readonly args: readonly unknown[];
}

/** Its answer. Number 0 tells that the file is open; its value is where a damaged one lies now. */
export type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

/**
 * Boots in a file of SQLite, on a thread of its own.
 * @param damaged called where the file was damaged, with the place where it lies now
 * @throws Error with the reason if it cannot be opened
 */
export async function openSqliteStore(file: string, damaged: (path: string) => void): Promise<BootStore> {
  const program = new URL(`./sqlite-thread${extname(import.meta.url)}`, import.meta.url);
  const thread = new Worker(program, { workerData: { file } });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let last = 0;
  let gone: Error | undefined;

  const answered = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  const end = (error: Error) => {
    gone = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  thread.on('message', (answer: Answer) => {
    const { resolve, reject } = waiting.get(answer.id) ?? {};
    waiting.delete(answer.id);
    if ('error' in answer) reject?.(new Error(`${file}: ${answer.error}`));
    else resolve?.(answer.value);
  });
  thread.on('error', (error) => end(new Error(`${file}: ${error.message}`)));
  thread.on('exit', () => end(gone ?? new Error(`${file} is closed`)));

  const call = async <Name extends keyof Tables>(name: Name, ...args: Parameters<Tables[Name]>) => {
    if (gone) throw gone;
    last += 1;
    const answer = answered(last);
    thread.postMessage({ id: last, name, args } satisfies Call);
    return (await answer) as ReturnType<Tables[Name]>;
  };
  const moved = await answered(0);
  if (typeof moved === 'string') damaged(moved);
  return {
    add: (changes) => call('add', changes),
    latest: async () => {
      const boots: LatestBoot[] = [];
      for (;;) {
        const page = await call('latest', boots.at(-1)?.mac ?? '', PAGE);
        boots.push(...page);
        if (page.length < PAGE) return boots;
      }
    },
    boots: (mac, limit) => call('boots', mac, limit),
    boot: (id) => call('boot', id),
    byIds: async (ids) => JSON.parse(await call('byIds', ids)) as BootWithSteps[],
    bootsOf: (image, limit) => call('bootsOf', image, limit),
    notes: (kind) => call('notes', kind),
    note: (kind, key) => call('note', kind, key),
    putNote: (kind, key, value) => call('putNote', kind, key, value),
    addNote: (kind, key, value) => call('addNote', kind, key, value),
    addOutput: (output, at) => call('addOutput', output, at),
    output: (boot, after, limit) => call('output', boot, after, limit),
    outputEnds: (boot) => call('outputEnds', boot),
    pruneOutput: (before) => call('pruneOutput', before),
    prune: (before, keep) => call('prune', before, keep),
    close: () => call('close').catch(() => {}),
  };
}
