/** The thread of load-aside.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadSections } from './load.ts';
import type { FromThread } from './load-aside.ts';

/** Nodes in one text: about a millisecond of work for the receiver. */
const LOT = 500;

const port = parentPort;
if (!port) throw new Error('this is a thread of another program');
const send = (message: FromThread) => port.postMessage(message);

const { text, ...loaded } = await loadSections(String(workerData));
if (!loaded.ok) send({ failed: { ...loaded, text } });
else {
  const { nodes, ...rest } = loaded.sections;
  const entries = Object.entries(nodes ?? {});
  const lots: string[] = [];
  for (let from = 0; from < entries.length; from += LOT) lots.push(JSON.stringify(entries.slice(from, from + LOT)));
  send({ rest, lots, text });
}
port.close();
