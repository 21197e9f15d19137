/** The thread of load-aside.ts. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { loadConfig } from './load.ts';
import type { FromThread } from './load-aside.ts';

/** Nodes that are sent at a time: some milliseconds of work for the receiver. */
const LOT = 200;

const port = parentPort;
if (!port) throw new Error('this is a thread of another program');
const send = (message: FromThread) => port.postMessage(message);

const loaded = await loadConfig(String(workerData));
if (!loaded.ok) send({ failed: loaded });
else {
  const { nodes, byMac: _, ...rest } = loaded.config;
  for (let from = 0; from < nodes.length; from += LOT) {
    send({ nodes: nodes.slice(from, from + LOT) });
    await once(port, 'message');
  }
  send({ rest, text: loaded.text });
}
port.close();
