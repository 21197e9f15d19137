import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppOptions } from '../app-options.ts';
import type { HttpServer } from '../server/server.ts';
import { FileGrants } from './file-grants.ts';
import type { FromWorker, ToWorker, WorkerSettings } from './worker-messages.ts';

/** A worker that ends sooner than this after its start is not replaced at once, milliseconds. */
const SHORT_LIFE = 2000;
/** The time that a worker gets to end beyond that of its downloads, milliseconds. */
const PATIENCE = 2000;

/** Options of {@link startHttpWorkers}. */
export interface WorkersOptions {
  readonly count: number;
  /** The worker's program. */
  readonly program: string;
  readonly settings: WorkerSettings;
  readonly options: AppOptions;
}

interface Member {
  readonly worker: Worker;
  /** Resolves when it listens; rejects if it cannot. */
  readonly ready: Promise<{ readonly listening: readonly string[]; readonly port: number }>;
}

/**
 * Serves HTTP by several processes: this one accepts connections, hands them out in turn, and answers the workers'
 * questions. A worker that dies takes its own connections with it, and is replaced.
 * @throws an error with `code`, whose message names the port and the remedy, if they cannot listen
 */
export async function startHttpWorkers({ count, program, settings, options }: WorkersOptions): Promise<HttpServer> {
  const members = new Set<Member>();
  let stopping = false;

  const add = (): Member => {
    cluster.setupPrimary({ exec: program, args: [] });
    const worker = cluster.fork();
    const started = options.monotonic();
    const ready = listenTo(worker, options, settings);
    const member = { worker, ready };
    members.add(member);
    worker.once('exit', async (code, signal) => {
      members.delete(member);
      if (stopping) return;
      const how = signal ?? code;
      const message = `an HTTP worker ended with ${how}: its connections are lost, and another takes its place`;
      options.record({ event: 'http.worker', level: 'error', message, pid: worker.process.pid });
      if (options.monotonic() - started < SHORT_LIFE) await delay(SHORT_LIFE);
      if (!stopping) add().ready.catch(() => {});
    });
    return member;
  };

  const stop = async (graceMs = 0) => {
    stopping = true;
    await Promise.all(
      [...members].map(async ({ worker }) => {
        if (worker.isDead()) return;
        // Not events.once, which rejects at the first message that does not get there.
        const ended = new Promise((resolve) => worker.once('exit', resolve));
        tell(worker, { kind: 'stop', graceMs });
        const timer = setTimeout(() => worker.process.kill('SIGKILL'), graceMs + PATIENCE);
        await ended;
        clearTimeout(timer);
      }),
    );
  };

  try {
    const [first] = await Promise.all(Array.from({ length: count }, () => add().ready));
    if (!first) throw new Error('no worker');
    return { ...first, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

/** How many workers there are, of all addresses. */
export const workerCount = (): number => Object.keys(cluster.workers ?? {}).length;

function tell(worker: Worker, message: ToWorker): void {
  // A worker that is ending receives no messages.
  if (worker.isConnected()) worker.send(message, () => {});
}

/** Starts a worker and answers it from then on. */
function listenTo(worker: Worker, options: AppOptions, settings: WorkerSettings): Member['ready'] {
  const grants = new FileGrants(options);
  worker.once('exit', () => {
    grants.end().catch(() => {});
  });
  worker.on('error', () => {});
  const ready = new Promise<Awaited<Member['ready']>>((resolve, reject) => {
    worker.once('exit', (code, signal) =>
      reject(new Error(`HTTP: a worker ended with ${signal ?? code} at its start`)),
    );
    worker.on('message', async (message: FromWorker) => {
      switch (message.kind) {
        case 'hello':
          return tell(worker, { kind: 'start', settings });
        case 'listening':
          return resolve({ listening: message.listening, port: message.port });
        case 'failed':
          return reject(Object.assign(new Error(message.message), { code: message.code }));
        case 'event':
          return options.record(message.event);
        case 'stopped':
          return tell(worker, { kind: 'leave' });
        case 'return':
          return grants.release(message.grant).catch(() => {});
        case 'ask': {
          const { id } = message;
          try {
            tell(worker, { kind: 'answer', id, value: await grants.answer(message) });
          } catch (error) {
            const { message: text, code } = error as NodeJS.ErrnoException;
            tell(worker, { kind: 'trouble', id, message: text, code });
          }
        }
      }
    });
  });
  return ready;
}
