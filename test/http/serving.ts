import { mkdtemp, readdir, readlink, rm, utimes, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore, type Store } from '../../src/artifacts/store/store.ts';
import { createApp } from '../../src/http/app.ts';
import type { AppOptions } from '../../src/http/app-options.ts';
import { createSender } from '../../src/http/send/send.ts';
import { type HttpServer, startHttp } from '../../src/http/server/server.ts';
import type { BootEvent } from '../../src/model/event.ts';
import { openSyscalls, type Syscalls } from '../../src/model/sockets/syscalls.ts';
import { NO_CONFIGURATION, NO_CONTAINERS, NO_FLEET, NO_MIRROR } from '../support/no-fleet.ts';

async function kernelOrThrow(): Promise<Syscalls> {
  const { syscalls, why } = await openSyscalls();
  if (!syscalls) throw new Error(why);
  return syscalls;
}

/** A server on a loopback port over a folder of its own, with everything that it recorded. */
export class Serving {
  readonly events: BootEvent[] = [];
  private readonly waiting = new Set<() => void>();

  readonly root: string;
  store!: Store;
  server!: HttpServer;

  private constructor(root: string) {
    this.root = root;
  }

  /** Starts it; what is given replaces parts of what it serves. */
  static async start(
    parts: Partial<AppOptions> = {},
    options: { stallMs?: number; sendfile?: boolean; perAddress?: number; syscalls?: boolean } = {},
  ): Promise<Serving> {
    const serving = new Serving(await mkdtemp(join(tmpdir(), 'slipway-http-')));
    const record = (event: BootEvent) => {
      serving.events.push(event);
      for (const look of serving.waiting) look();
    };
    serving.store = await openStore({
      root: serving.root,
      record,
      now: Date.now,
      monotonic: () => performance.now(),
      settleMs: 20,
    });
    const deps: AppOptions = {
      scripts: {
        forMac: async (mac) => ({ kind: 'script', text: `#!ipxe\necho ${mac}\n` }),
        explain: async (mac) => ({ mac }),
        bootstrap: () => '#!ipxe\nchain bootstrap\n',
      },
      artifacts: serving.store,
      bootFiles: { open: async () => ({ ok: false, reason: 'missing', why: 'no such iPXE binary on this server' }) },
      registry: { names: async () => undefined, manifest: async () => undefined, blob: serving.store.openBlob },
      mirror: NO_MIRROR,
      configuration: NO_CONFIGURATION,
      containers: NO_CONTAINERS,
      fleet: NO_FLEET,
      metrics: async () => undefined,
      record,
      now: Date.now,
      monotonic: () => performance.now(),
      ...parts,
    };
    const { sendfile = true, syscalls: asked = true, ...more } = options;
    const syscalls = asked ? await kernelOrThrow() : undefined;
    const send = createSender({
      syscalls,
      sendfile,
      bufferMemory: 1 << 26,
      now: () => performance.now(),
    });
    const app = createApp(deps, send);
    serving.server = await startHttp({
      port: 0,
      host: '127.0.0.1',
      app,
      syscalls,
      record,
      now: () => performance.now(),
      ...more,
    });
    return serving;
  }

  async stop(): Promise<void> {
    await this.server.stop(0);
    await this.store.close();
    await rm(this.root, { recursive: true });
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  /** Writes a file whose last change lies an hour back, so that it counts as complete. */
  async file(path: string, content: string | Uint8Array): Promise<string> {
    const file = join(this.root, path);
    await writeFile(file, content);
    const past = Date.now() / 1000 - 3600;
    await utimes(file, past, past);
    return file;
  }

  /** Waits until as many events of a name were recorded. */
  async until(name: string, count = 1): Promise<readonly BootEvent[]> {
    for (;;) {
      const found = this.events.filter(({ event }) => event === name);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => {
        const look = () => {
          this.waiting.delete(look);
          resolve();
        };
        this.waiting.add(look);
      });
    }
  }

  /** Sends bytes as they are, and gives all that comes back until the connection ends. */
  async raw(request: string): Promise<string> {
    const socket = connect(this.server.port, '127.0.0.1');
    socket.write(request, 'latin1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('close', resolve));
    return Buffer.concat(chunks).toString('latin1');
  }

  /** Asks for a path and reads no further than the first bytes of the answer. */
  async begin(path: string): Promise<Download> {
    const socket = connect(this.server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    socket.pause();
    return new Download(socket, first);
  }
}

/** A download that stands still after its first bytes. */
export class Download {
  readonly socket: Socket;
  private readonly first: Buffer;

  constructor(socket: Socket, first: Buffer) {
    this.socket = socket;
    this.first = first;
  }

  /** Reads on until the connection ends, and gives the body. */
  async rest(): Promise<Buffer> {
    const chunks = [this.first];
    this.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    this.socket.resume();
    // A reset may have ended it before anybody read on.
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once('close', resolve));
    const all = Buffer.concat(chunks);
    return all.subarray(all.indexOf('\r\n\r\n') + 4);
  }
}

/** How many descriptors of this process are open on files below a folder. */
export async function openBelow(folder: string): Promise<number> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.filter((link) => link.startsWith(folder)).length;
}
