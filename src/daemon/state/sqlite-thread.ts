/** The thread of sqlite-store.ts: SQLite's calls block. */
import { parentPort, workerData } from 'node:worker_threads';
import { openTables, type Tables } from './sqlite.ts';
import type { Answer, Call } from './sqlite-store.ts';

const { file } = workerData as { readonly file: string };
const answer = (message: Answer) => parentPort?.postMessage(message);

let tables: Tables | undefined;
try {
  const opened = await openTables(file);
  tables = opened.tables;
  answer({ id: 0, value: opened.damaged });
} catch (error) {
  answer({ id: 0, error: (error as Error).message });
  parentPort?.close();
}

parentPort?.on('message', ({ id, name, args }: Call) => {
  try {
    const call = tables?.[name] as ((...args: unknown[]) => unknown) | undefined;
    answer({ id, value: call?.(...args) });
  } catch (error) {
    answer({ id, error: (error as Error).message });
  }
  if (name === 'close') parentPort?.close();
});
