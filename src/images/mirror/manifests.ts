import { writeFile } from 'node:fs/promises';
import { removeUnneeded } from '../../artifacts/folders.ts';
import { singleFlight } from '../../artifacts/single-flight.ts';
import type { RecordEvent } from '../../model/event.ts';
import { away, type MirroredManifest, type NotMirrored } from '../../model/files/mirrored.ts';
import { readWhole } from '../../model/files/open-file.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';
import { createTurns } from '../../model/limits/turns.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { MirrorSettings, RegistrySettings } from '../../model/settings/registry.ts';
import { readBody } from './http-get.ts';
import type { KeptFiles } from './kept-files.ts';
import { LARGEST_MANIFEST, MANIFEST_TYPES, type ReadManifest, readManifest } from './manifest.ts';
import type { Repository } from './reference.ts';
import type { RegistryClient } from './registry-client.ts';

/** Sizes of blobs that are remembered from manifests. */
const MOST_SIZES = 50_000;
/** Manifests that are fetched at the same time; each takes its size in memory. */
const AT_ONCE = 8;

/** A repository with what the configuration says of its registry. */
export interface Place {
  readonly repository: Repository;
  readonly settings: MirrorSettings;
  readonly all: RegistrySettings;
}

/** What manifests are fetched by. */
export interface ManifestServices {
  readonly client: RegistryClient;
  readonly kept: KeptFiles;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** The time for the head and for the body of an answer, milliseconds. */
  readonly patienceMs: number;
}

const keyOf = ({ host, name }: Repository, digest: string): string => `${host}/${name}@${digest}`;

const NONE: NotMirrored = { ok: false, reason: 'missing', why: 'no manifest of that digest' };

/** Manifests and indexes: fetched, kept by digest, and read for the sizes of what they name. */
export class Manifests {
  private readonly services: ManifestServices;
  private readonly inTurn = createTurns(AT_ONCE);
  private readonly fetching = new Map<string, Promise<MirroredManifest>>();
  /** By repository and digest: what one says of another's blobs does not count. */
  private readonly sizes = new Map<string, number>();

  constructor(services: ManifestServices) {
    this.services = services;
  }

  /** The bytes of a blob, where a manifest of the repository that was served names it. */
  sizeOf({ repository }: Place, digest: string): number | undefined {
    return this.sizes.get(keyOf(repository, digest));
  }

  /** One that was fetched before; undefined where there is none. @throws the operating system's error */
  async kept(place: Place, digest: string): Promise<MirroredManifest | undefined> {
    const file = await this.services.kept.openKept(digest);
    if (!file) return undefined;
    try {
      if (file.size > LARGEST_MANIFEST) return NONE;
      const bytes = Buffer.alloc(file.size);
      if (!(await readWhole(file, bytes, 0))) return undefined;
      const read = readManifest(bytes);
      return read ? this.known(place, read) : NONE;
    } finally {
      await file.close();
    }
  }

  /** One by its digest, 64 hex digits: kept or fetched. */
  async byDigest(place: Place, digest: string): Promise<MirroredManifest> {
    const key = keyOf(place.repository, digest);
    const fetch = () => this.fetch(place, `sha256:${digest}`, digest);
    const kept = await this.kept(place, digest);
    this.tellAsked(place, `sha256:${digest}`, kept ? 'hit' : this.fetching.has(key) ? 'arriving' : 'miss');
    return kept ?? singleFlight(this.fetching, key, fetch);
  }

  /** Tells whether what was asked for is there. */
  tellAsked({ repository: { host, name } }: Place, reference: string, result: 'hit' | 'arriving' | 'miss'): void {
    const message = `the manifest ${reference} of ${host}/${name} is asked for: ${result}`;
    this.services.record({ event: 'registry.asked', level: 'debug', message, host, name, kind: 'manifest', result });
  }

  /**
   * Asks for the digest of a tag without fetching it: registries count what is fetched.
   * @returns `sha256:` and 64 hex digits, or whatever else the registry says
   */
  async digestOf(place: Place, tag: string): Promise<{ readonly ok: true; readonly digest: string } | NotMirrored> {
    const answer = await this.ask(place, 'HEAD', tag);
    if (!answer.ok) return answer;
    answer.cancel();
    return { ok: true, digest: answer.headers.get('docker-content-digest') ?? '' };
  }

  /** @param digest undefined for a tag, which may stand for any */
  fetch(place: Place, reference: string, digest?: string): Promise<MirroredManifest> {
    return this.inTurn(async () => {
      const { record, monotonic } = this.services;
      const { host, name } = place.repository;
      const started = monotonic();
      const refuse = (refusal: NotMirrored): NotMirrored => {
        const message = `cannot fetch the manifest ${reference} of ${host}/${name}: ${refusal.why}`;
        if (refusal.reason === 'away') record({ event: 'registry.failed', level: 'warn', message, host, name });
        return refusal;
      };
      const bytes = await this.download(place, reference);
      if ('ok' in bytes) return refuse(bytes);
      const read = this.check(bytes, digest);
      if ('ok' in read) return refuse(read);
      await this.keep(read.manifest.digest, bytes, place.all.limit);
      const seconds = Math.round(monotonic() - started) / 1000;
      const message = `fetched the manifest ${reference} of ${host}/${name}: ${bytes.length} bytes in ${seconds} s`;
      const about = { host, name, digest: read.manifest.digest, bytes: bytes.length, seconds };
      record({ event: 'registry.fetched', level: 'info', message, ...about });
      return this.known(place, read);
    });
  }

  private ask({ repository, settings }: Place, method: 'GET' | 'HEAD', reference: string) {
    const path = `manifests/${reference}`;
    return this.services.client.get({ repository, settings, method, path, accept: MANIFEST_TYPES });
  }

  private async download(place: Place, reference: string): Promise<Buffer | NotMirrored> {
    const answer = await this.ask(place, 'GET', reference);
    if (!answer.ok) return answer;
    try {
      const bytes = await readBody(answer, LARGEST_MANIFEST, this.services.patienceMs);
      return bytes ?? away(`it has more than ${LARGEST_MANIFEST} bytes`);
    } catch (error) {
      return away(`${place.repository.host}: ${plainMessage(error)}`);
    }
  }

  private check(bytes: Buffer, digest: string | undefined): ReadManifest | NotMirrored {
    const read = readManifest(bytes);
    if (!read) return away('it is no manifest of an image, or of an old format');
    if (digest === undefined || read.manifest.digest === digest) return read;
    return away('its digest is wrong');
  }

  /** One that cannot be kept is served all the same. */
  private async keep(digest: string, bytes: Uint8Array, limit: number): Promise<void> {
    const { kept, record } = this.services;
    const path = kept.temporaryFor(digest);
    try {
      const free = await kept.reserve({ size: bytes.length, written: () => 0 }, limit);
      if (typeof free === 'object') throw new Error(free.why);
      try {
        await writeFile(path, bytes, { flag: 'wx' });
        await kept.keep(digest, bytes.length, path);
      } finally {
        free();
      }
    } catch (error) {
      await removeUnneeded(path);
      const message = `cannot keep the manifest sha256:${digest}: ${plainMessage(error)}`;
      record({ event: 'registry.unkept', level: 'warn', message, digest });
    }
  }

  private known({ repository }: Place, { manifest, sizes }: ReadManifest): MirroredManifest {
    for (const [digest, size] of sizes) {
      const key = keyOf(repository, digest);
      this.sizes.delete(key);
      this.sizes.set(key, size);
      dropOldest(this.sizes, MOST_SIZES);
    }
    return { ok: true, manifest };
  }
}
