/** The program of an HTTP worker: see workers.ts. */

import { openArriving } from '../../artifacts/arriving-file.ts';
import { openConcatenation } from '../../artifacts/composed/concatenation.ts';
import { openInside, withOnClose } from '../../artifacts/open-file.ts';
import type { OpenFile, OpenResult } from '../../model/files/open-file.ts';
import { segmentFromJson } from '../../model/files/segment.ts';
import { FLEET_CALLS, type Fleet } from '../../model/fleet/status.ts';
import { openSyscalls } from '../../model/sockets/syscalls.ts';
import { createApp } from '../app.ts';
import type { AppOptions } from '../app-options.ts';
import { createSender } from '../send/send.ts';
import { type HttpServer, startHttp } from '../server/server.ts';
import type { FromWorker, Granted, GrantedFile, Questions, ToWorker, WorkerSettings } from './worker-messages.ts';

/** How often a grant is requested anew where its file was replaced, or got another link, before it was opened here. */
const ATTEMPTS = 5;

const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
let last = 0;
let server: HttpServer | undefined;

const send = (message: FromWorker) => void process.send?.(message, undefined, undefined, () => {});

function ask<Name extends keyof Questions>(
  question: Name,
  ...args: Parameters<Questions[Name]>
): ReturnType<Questions[Name]> {
  last += 1;
  const id = last;
  const answer = new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    send({ kind: 'ask', id, question, args } as FromWorker);
  });
  return answer as ReturnType<Questions[Name]>;
}

/** Opens a granted file; `gone` where one of its files is another by now. */
async function openGranted({ grant, digest, files, segments, arriving: size }: Granted): Promise<OpenResult> {
  const openOne = async (index: number): Promise<OpenResult> => {
    const { path, stamp } = files[index] as GrantedFile;
    const found = await openInside('/', path);
    if (!found.ok) return found;
    if (found.file.stamp === stamp) return { ok: true, file: found.verified(digest, () => ask('renewed', grant)) };
    await found.file.close();
    return { ok: false, reason: 'gone', why: 'it was replaced' };
  };
  if (size !== undefined) {
    const { path } = files[0] as GrantedFile;
    // The channel turns undefined into null.
    const arrived = async (end: number) => (await ask('arrived', grant, end)) ?? undefined;
    const file = await openArriving({ path, size, digest: digest ?? '', arrived });
    return file ? { ok: true, file } : { ok: false, reason: 'gone', why: 'it has its final name by now' };
  }
  return segments ? openConcatenation(segments.map(segmentFromJson), digest, openOne) : openOne(0);
}

async function open<Refusal extends { readonly ok: false }>(
  request: () => Promise<Granted | Refusal>,
): Promise<{ readonly ok: true; readonly file: OpenFile } | Refusal> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const granted = await request();
    if (!granted.ok) return granted;
    const release = () => send({ kind: 'return', grant: granted.grant });
    const opened = await openGranted(granted).catch((error: Error) => {
      release();
      throw error;
    });
    if (opened.ok) return { ok: true, file: withOnClose(opened.file, granted.digest, release) };
    release();
  }
  throw Object.assign(new Error('the file changes all the time'), { code: 'EAGAIN' });
}

const options: AppOptions = {
  scripts: {
    forMac: (mac, request) => ask('script', mac, request),
    explain: (mac, request) => ask('explain', mac, request),
    bootstrap: (arrival) => ask('bootstrap', arrival),
  },
  artifacts: {
    open: (path) => open(() => ask('artifact', path)),
    openBlob: (digest) => open(() => ask('blob', digest)),
  },
  bootFiles: { open: (name) => open(() => ask('bootFile', name)) },
  registry: {
    names: () => ask('imageNames'),
    manifest: (name, digest) =>
      digest === undefined ? ask('imageManifest', name) : ask('imageManifest', name, digest),
    blob: (digest) => open(() => ask('imageBlob', digest)),
  },
  mirror: {
    manifest: (...args) => ask('mirroredManifest', ...args),
    blob: (...args) => open(() => ask('mirroredBlob', ...args)),
  },
  fleet: Object.fromEntries(
    FLEET_CALLS.map((call) => {
      // The channel turns undefined into null, but what is left out stays so.
      const given = (args: readonly unknown[]) => args.slice(0, args.findLastIndex((each) => each !== undefined) + 1);
      return [call, (...args: readonly unknown[]) => ask('fleet', call, given(args))];
    }),
  ) as unknown as Fleet,
  configuration: {
    document: (...args) => ask('configuration', 'document', args),
    session: (...args) => ask('configuration', 'session', args),
    // The channel turns undefined into null.
    metadata: (client, session, path) => ask('configuration', 'metadata', [client, session ?? '', path]),
  },
  containers: {
    shown: (...args) => ask('containers', 'shown', args),
    document: (...args) => ask('containers', 'document', args),
    next: (...args) => ask('containers', 'next', args),
    kexec: (...args) => ask('containers', 'kexec', args),
    output: (...args) => ask('containers', 'output', args),
    step: (...args) => ask('containers', 'step', args),
    stored: (...args) => ask('containers', 'stored', args),
    change: (...args) => ask('containers', 'change', args),
  },
  // The channel turns undefined into null.
  metrics: async () => (await ask('metrics')) ?? undefined,
  record: (event) => send({ kind: 'event', event }),
  now: Date.now,
  monotonic: () => performance.now(),
};

async function start({ host, port, sendfile, bufferMemory, perAddress }: WorkerSettings): Promise<void> {
  const { syscalls } = await openSyscalls();
  const now = () => performance.now();
  const app = createApp(options, createSender({ syscalls, sendfile, bufferMemory, now }));
  try {
    server = await startHttp({ host, port, app, perAddress, syscalls, record: options.record, now });
    send({ kind: 'listening', listening: server.listening, port: server.port });
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    send({ kind: 'failed', message, code });
  }
}

process.on('message', async (message: ToWorker) => {
  switch (message.kind) {
    case 'start':
      return start(message.settings);
    case 'answer':
      waiting.get(message.id)?.resolve(message.value);
      break;
    case 'trouble':
      waiting.get(message.id)?.reject(Object.assign(new Error(message.message), { code: message.code }));
      break;
    case 'stop':
      await server?.stop(message.graceMs);
      // Connections may still come, until the control process has read that this worker stopped: they go back to it.
      return send({ kind: 'stopped' });
    case 'leave':
      // By the channel, so that earlier messages get there.
      return process.disconnect();
  }
  waiting.delete(message.id);
});
// Without the control process there is nothing to do. Signals to the group are for it alone: it ends the workers.
process.on('disconnect', () => process.exit());
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => {});
send({ kind: 'hello' });
