import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from '../model/config.ts';
import type { Mac } from '../model/mac.ts';
import type { Node } from '../model/node.ts';
import { fileProblem, type Loaded } from './load.ts';

/** What the thread sends: some nodes, as often as it is asked for more, and then the rest. */
export type FromThread =
  | { readonly nodes: readonly Node[] }
  | { readonly rest: Omit<Config, 'nodes' | 'byMac'>; readonly text: string | undefined }
  | { readonly failed: Loaded };

/**
 * Does what loadConfig does, but on a thread of its own: ten thousand nodes take a second, in which no request would be
 * answered. They come over in small lots, for the same reason. Never rejects.
 */
export function loadConfigAside(file: string): Promise<Loaded> {
  const program = new URL(`./load-thread${extname(import.meta.url)}`, import.meta.url);
  const thread = new Worker(program, { workerData: file });
  const nodes: Node[] = [];
  const byMac = new Map<Mac, Node>();
  return new Promise((resolve) => {
    const fail = (message: string) => resolve({ ok: false, problems: [fileProblem(file, message)], text: undefined });
    thread.once('error', ({ message }) => fail(`the file could not be read: ${message}`));
    thread.once('exit', () => fail('the file could not be read: the thread for it ended'));
    thread.on('message', (message: FromThread) => {
      if ('nodes' in message) {
        for (const node of message.nodes) {
          nodes.push(node);
          for (const mac of node.macs) byMac.set(mac, node);
        }
        setImmediate(() => thread.postMessage('more'));
        return;
      }
      if ('failed' in message) resolve(message.failed);
      else resolve({ ok: true, config: { ...message.rest, nodes, byMac }, text: message.text });
    });
  });
}
