import { open, rm } from 'node:fs/promises';
import { type ArrivingFile, openArriving } from '../../artifacts/arriving-file.ts';
import { withOnClose } from '../../artifacts/open-file.ts';
import { singleFlight } from '../../artifacts/single-flight.ts';
import { versionTag } from '../../artifacts/store/version.ts';
import type { RecordEvent } from '../../model/event.ts';
import { away, type MirroredBlob, type NotMirrored } from '../../model/files/mirrored.ts';
import type { OpenFile } from '../../model/files/open-file.ts';
import { createTurns } from '../../model/limits/turns.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { MirrorSettings } from '../../model/settings/registry.ts';
import { Arrival } from './arrival.ts';
import type { Answer } from './http-get.ts';
import type { KeptFiles } from './kept-files.ts';
import type { Repository } from './reference.ts';
import type { RegistryClient } from './registry-client.ts';

/** Blobs that are fetched at the same time; others wait. */
const AT_ONCE = 32;
/** How often a file is opened that gets its final name, or is removed, at that very moment. */
const ATTEMPTS = 5;
/** Bytes that must have arrived before a client is answered: what fails sooner is an error and no broken download. */
const FIRST = 64 * 1024;

/** What fetches need. */
export interface FetchServices {
  readonly client: RegistryClient;
  readonly kept: KeptFiles;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** A blob of a repository. */
export interface WantedBlob {
  readonly repository: Repository;
  readonly settings: MirrorSettings;
  /** 64 hex digits. */
  readonly digest: string;
  /** Bytes, as a manifest has it; undefined where no manifest was seen. */
  readonly size: number | undefined;
  /** Bytes of all that is kept. */
  readonly limit: number;
}

/** A fetch that is under way, or has just ended. */
interface Running extends ArrivingFile {
  readonly arrival: Arrival;
  /** Clients that were given the file before it was whole, and still have it. */
  readers: number;
  /** The whole file, held open for them: it is not removed to make room meanwhile. */
  whole: OpenFile | undefined;
}

const atHost = ({ repository, digest }: WantedBlob): string => `${repository.host}@${digest}`;

/** The bytes that a registry announces; why they are not taken, where they are not those of the manifest. */
function sizeOf({ headers }: Answer, { size }: WantedBlob): number | string {
  const text = headers.get('content-length') ?? '';
  const given = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (size !== undefined && given !== undefined && size !== given)
    return `the registry offers ${given} bytes, but the manifest says ${size}`;
  return size ?? given ?? 'the registry does not say how many bytes it sends';
}

/** Fetches blobs, each once for all who ask, who get the bytes while they arrive. */
export class BlobFetches {
  private readonly services: FetchServices;
  private readonly inTurn = createTurns(AT_ONCE);
  private readonly beginning = new Map<string, Promise<Running | NotMirrored>>();
  /** By registry and digest: one that sends other bytes must not spoil what another sends. */
  private readonly running = new Map<string, Running>();
  /** To the end of each fetch. */
  private readonly ends = new Set<Promise<void>>();

  constructor(services: FetchServices) {
    this.services = services;
  }

  /**
   * Opens a blob, and fetches it where it is not there. A fetch goes on when its clients have left.
   * @throws the operating system's error
   */
  async open(wanted: WantedBlob): Promise<MirroredBlob> {
    const { repository, digest } = wanted;
    const key = `${repository.host}/${repository.name}@${digest}`;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const kept = await this.services.kept.openKept(digest);
      const isComing = () => this.running.has(atHost(wanted)) || this.beginning.has(key);
      if (attempt === 0) this.tellAsked(wanted, kept ? 'hit' : isComing() ? 'arriving' : 'miss');
      if (kept) return { ok: true, file: kept };
      const running =
        this.running.get(atHost(wanted)) ?? (await singleFlight(this.beginning, key, () => this.begin(wanted)));
      if ('ok' in running) return running;
      const file = await openArriving(running);
      try {
        await running.arrival.until(Math.min(FIRST, running.size));
        if (file) return { ok: true, file: this.counted(file, running) };
      } catch (error) {
        await file?.close();
        return away(plainMessage(error));
      }
    }
    throw Object.assign(new Error('the file changes all the time'), { code: 'EAGAIN' });
  }

  private tellAsked({ repository: { host, name }, digest }: WantedBlob, result: 'hit' | 'arriving' | 'miss'): void {
    const message = `sha256:${digest} of ${host}/${name} is asked for: ${result}`;
    this.services.record({
      event: 'registry.asked',
      level: 'debug',
      message,
      host,
      name,
      digest,
      kind: 'blob',
      result,
    });
  }

  private counted(file: OpenFile, running: Running): OpenFile {
    running.readers += 1;
    return withOnClose(file, running.digest, () => {
      running.readers -= 1;
      if (running.readers === 0) running.whole?.close().catch(() => {});
    });
  }

  /** Resolves when all fetches have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.ends);
  }

  /** Begins a fetch when it is its turn: resolves when the registry has answered, while the bytes arrive. */
  private begin(wanted: WantedBlob): Promise<Running | NotMirrored> {
    return new Promise((resolve, reject) => {
      const end = this.inTurn(() => this.fetch(wanted, resolve)).catch(reject);
      this.ends.add(end);
      end.finally(() => this.ends.delete(end));
    });
  }

  private async fetch(wanted: WantedBlob, begun: (result: Running | NotMirrored) => void): Promise<void> {
    const { repository, settings, digest, limit } = wanted;
    const { client, kept } = this.services;
    // Another repository's fetch may have begun meanwhile.
    const present = this.running.get(atHost(wanted));
    if (present) return begun(present);
    const started = this.services.monotonic();
    const path = `blobs/sha256:${digest}`;
    const answer = await client.get({ repository, settings, method: 'GET', path, accept: [] });
    if (!answer.ok) return begun(this.refused(wanted, answer));
    try {
      const size = sizeOf(answer, wanted);
      if (typeof size === 'string') return begun(this.refused(wanted, away(size)));
      const arrival = new Arrival(size);
      const free = await kept.reserve({ size, written: () => arrival.bytes }, limit);
      if (typeof free === 'object') return begun(this.refused(wanted, free));
      await this.write(wanted, answer, { arrival, size, started }, begun).finally(free);
    } finally {
      answer.cancel();
    }
  }

  private async write(
    wanted: WantedBlob,
    { body }: Answer,
    { arrival, size, started }: { readonly arrival: Arrival; readonly size: number; readonly started: number },
    begun: (result: Running) => void,
  ): Promise<void> {
    const { repository, digest } = wanted;
    const { kept, record, monotonic } = this.services;
    const path = kept.temporaryFor(digest);
    const file = await open(path, 'wx');
    const arrived: Running['arrived'] = (end) => arrival.until(end);
    const running: Running = { path, size, digest, arrival, arrived, readers: 0, whole: undefined };
    this.running.set(atHost(wanted), running);
    begun(running);
    const { host, name } = repository;
    const about = { host, name, digest };
    try {
      await arrival.fill(body, file, digest).finally(() => file.close());
      const version = await kept.keep(digest, size, path);
      const whole = await kept.openKept(digest);
      if (!version || !whole) throw new Error('it was removed as soon as it was there');
      if (running.readers > 0) running.whole = whole;
      else await whole.close();
      const seconds = Math.round(monotonic() - started) / 1000;
      const message = `fetched sha256:${digest} of ${host}/${name}: ${size} bytes in ${seconds} s`;
      record({ event: 'registry.fetched', level: 'info', message, ...about, bytes: size, seconds });
      arrival.complete(versionTag(version));
    } catch (error) {
      await rm(path, { force: true }).catch(() => {});
      const why = `${host}: ${plainMessage(error)}`;
      const message = `sha256:${digest} of ${host}/${name} did not arrive: ${why}`;
      record({ event: 'registry.failed', level: 'warn', message, ...about, bytes: arrival.bytes });
      arrival.fail(new Error(why, { cause: error }));
    } finally {
      this.running.delete(atHost(wanted));
    }
  }

  private refused({ repository: { host, name }, digest }: WantedBlob, refusal: NotMirrored): NotMirrored {
    if (refusal.reason === 'away') {
      const message = `cannot fetch sha256:${digest} of ${host}/${name}: ${refusal.why}`;
      this.services.record({ event: 'registry.failed', level: 'warn', message, host, name, digest });
    }
    return refusal;
  }
}
