/** The thread of load-in-thread.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { parseServable } from '../yaml/parse.ts';
import { filesOnDisk, folderOf } from './load.ts';
import type { FromThread, Task } from './load-in-thread.ts';

/** Nodes per JSON text: about a millisecond of work for the receiver. */
const LOT = 200;

const { text, file } = workerData as Task;
const found = new Set<string>();
const checked = parseServable(text, file, folderOf(file), filesOnDisk(found));
const others = [...found];
let message: FromThread;
if (checked.ok) {
  const { nodes, ...rest } = checked.sections;
  const entries = Object.entries(nodes ?? {});
  const lots: string[] = [];
  for (let from = 0; from < entries.length; from += LOT) lots.push(JSON.stringify(entries.slice(from, from + LOT)));
  message = { ok: true, rest, lots, missing: checked.missing, others };
} else message = { ok: false, problems: checked.problems, others };
parentPort?.postMessage(message);
