import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeUnneeded } from '../../artifacts/folders.ts';
import { singleFlight } from '../../artifacts/single-flight.ts';
import type { StoreServices } from '../../artifacts/store/services.ts';
import type { ImageManifest } from '../../model/files/manifest.ts';
import type { MirroredBlob, MirroredManifest, NotMirrored } from '../../model/files/mirrored.ts';
import { readWhole } from '../../model/files/open-file.ts';
import { hexOfDigest, isSha256 } from '../../model/files/sha256.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';
import { createTurns } from '../../model/limits/turns.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { MirrorSettings, RegistrySettings } from '../../model/settings/registry.ts';
import { BlobFetches } from './blob-fetches.ts';
import { readBody } from './http-get.ts';
import { KeptFiles } from './kept-files.ts';
import { LARGEST_MANIFEST, MANIFEST_TYPES, type ReadManifest, readManifest } from './manifest.ts';
import { configuredHost, isTag, type Repository, repositoryOf } from './reference.ts';
import { RegistryClient } from './registry-client.ts';
import { openTags } from './tags.ts';

/** How long a registry may take to answer, or send nothing, milliseconds. */
const PATIENCE = 30_000;
/** For how long the last known tag counts without another look where the registry is away, milliseconds. */
const AWAY = 30_000;
/** Sizes of blobs that are remembered from manifests. */
const MOST_SIZES = 50_000;
/** Manifests that are fetched at the same time; each takes its size in memory. */
const MANIFESTS_AT_ONCE = 8;

/** Options of {@link openMirror}. */
export interface MirrorOptions extends Omit<StoreServices, 'hash'> {
  /** The store's own folder, absolute and without symbolic links. */
  readonly own: string;
  /** Reads a secret by its source. @throws Error that names the source alone */
  readonly secret: (source: string) => Promise<string>;
  /** For tests: instead of 30 s. */
  readonly patienceMs?: number;
}

/** Images of other registries; every call names the settings that are in force. See `Mirror` of mirrored.ts. */
export interface OpenMirror {
  manifest(settings: RegistrySettings, host: string, name: string, reference: string): Promise<MirroredManifest>;
  blob(settings: RegistrySettings, host: string, name: string, digest: string): Promise<MirroredBlob>;
  /** Ends the fetches that run. */
  close(): Promise<void>;
}

const MISSING: NotMirrored = { ok: false, reason: 'missing', why: 'no such image' };

/** A repository with what the configuration says of its registry. */
interface Place {
  readonly repository: Repository;
  readonly settings: MirrorSettings;
  readonly all: RegistrySettings;
}

/** Opens the cache of other registries' images. Nothing is written until something is fetched. */
export async function openMirror(options: MirrorOptions): Promise<OpenMirror> {
  const { own, record, monotonic, secret, patienceMs = PATIENCE } = options;
  const folder = join(own, 'mirror');
  const kept = await KeptFiles.open(join(folder, 'sha256'), options);
  const tags = await openTags(join(folder, 'tags.json'), record);
  const closing = new AbortController();
  const client = new RegistryClient({ secret, monotonic, patienceMs, signal: closing.signal });
  const fetches = new BlobFetches({ client, kept, record, monotonic });
  const inTurn = createTurns(MANIFESTS_AT_ONCE);
  const sizes = new Map<string, number>();
  const looking = new Map<string, Promise<MirroredManifest>>();

  /** A manifest with the sizes in it remembered. */
  const known = ({ manifest, sizes: found }: ReadManifest): MirroredManifest => {
    for (const [digest, size] of found) {
      sizes.delete(digest);
      sizes.set(digest, size);
      dropOldest(sizes, MOST_SIZES);
    }
    return { ok: true, manifest };
  };

  /** A manifest that was fetched before; undefined where there is none. */
  const keptManifest = async (digest: string): Promise<MirroredManifest | undefined> => {
    const file = await kept.openKept(digest);
    if (!file) return undefined;
    try {
      if (file.size > LARGEST_MANIFEST) return MISSING;
      const bytes = Buffer.alloc(file.size);
      if (!(await readWhole(file, bytes, 0))) return undefined;
      const read = readManifest(bytes);
      return read ? known(read) : MISSING;
    } finally {
      await file.close();
    }
  };

  /** Keeps a manifest. One that cannot be kept is served all the same. */
  const keepManifest = async (digest: string, bytes: Uint8Array, limit: number): Promise<void> => {
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
  };

  const request = ({ repository, settings }: Place, method: 'GET' | 'HEAD', reference: string) =>
    client.get({ repository, settings, method, path: `manifests/${reference}`, accept: MANIFEST_TYPES });

  /** @param digest undefined for a tag, which may stand for any */
  const fetchManifest = (place: Place, reference: string, digest?: string): Promise<MirroredManifest> =>
    inTurn(async () => {
      const { host, name } = place.repository;
      const started = monotonic();
      const fail = (why: string): NotMirrored => {
        const message = `cannot fetch the manifest ${reference} of ${host}/${name}: ${why}`;
        record({ event: 'registry.failed', level: 'warn', message, host, name });
        return { ok: false, reason: 'away', why };
      };
      const answer = await request(place, 'GET', reference);
      if (!answer.ok) return answer.reason === 'missing' ? answer : fail(answer.why);
      let bytes: Buffer | undefined;
      try {
        bytes = await readBody(answer, LARGEST_MANIFEST);
      } catch (error) {
        return fail(`${host}: ${plainMessage(error)}`);
      }
      if (!bytes) return fail(`it has more than ${LARGEST_MANIFEST} bytes`);
      const read = readManifest(bytes);
      if (!read) return fail('it is no manifest of an image, or of an old format');
      if (digest !== undefined && read.manifest.digest !== digest) return fail('its digest is wrong');
      await keepManifest(read.manifest.digest, bytes, place.all.limit);
      const seconds = Math.round(monotonic() - started) / 1000;
      const message = `fetched the manifest ${reference} of ${host}/${name}: ${bytes.length} bytes in ${seconds} s`;
      const about = { host, name, digest: read.manifest.digest, bytes: bytes.length, seconds };
      record({ event: 'registry.fetched', level: 'info', message, ...about });
      return known(read);
    });

  /** Looks up a tag that is known. Asked without a body first: registries count what is fetched. */
  const lookAgain = async (place: Place, tag: string, before: ImageManifest): Promise<MirroredManifest> => {
    const answer = await request(place, 'HEAD', tag);
    if (!answer.ok) return answer;
    answer.cancel();
    const isSame = answer.headers.get('docker-content-digest') === `sha256:${before.digest}`;
    return isSame ? { ok: true, manifest: before } : fetchManifest(place, tag);
  };

  const lookUp = async (place: Place, tag: string, key: string): Promise<MirroredManifest> => {
    const { host, name } = place.repository;
    const last = tags.get(key)?.digest;
    const before = last === undefined ? undefined : await keptManifest(last);
    const remember = (digest: string, forMs: number) => tags.set(key, { digest, until: monotonic() + forMs });
    const tagsForMs = place.all.tagsFor * 1000;
    const found = await (before?.ok ? lookAgain(place, tag, before.manifest) : fetchManifest(place, tag));
    if (found.ok) await remember(found.manifest.digest, tagsForMs);
    else if (found.reason === 'missing') await tags.delete(key);
    else if (last !== undefined && before?.ok) {
      const message = `${host}/${name}:${tag} cannot be looked up (${found.why}): it goes on as sha256:${last}`;
      record({ event: 'registry.away', level: 'warn', message, host, name, digest: last });
      await remember(last, Math.min(tagsForMs, AWAY));
      return before;
    }
    return found;
  };

  const byTag = async (place: Place, tag: string): Promise<MirroredManifest> => {
    const { host, name } = place.repository;
    const key = `${host}/${name}:${tag}`;
    const tagged = tags.get(key);
    const fresh = tagged && monotonic() < tagged.until ? await keptManifest(tagged.digest) : undefined;
    return fresh ?? singleFlight(looking, key, () => lookUp(place, tag, key));
  };

  const byDigest = async (place: Place, digest: string): Promise<MirroredManifest> => {
    const { host, name } = place.repository;
    const key = `${host}/${name}@${digest}`;
    return (
      (await keptManifest(digest)) ?? singleFlight(looking, key, () => fetchManifest(place, `sha256:${digest}`, digest))
    );
  };

  const placeOf = (all: RegistrySettings, asked: string, name: string): Place | undefined => {
    const host = configuredHost(all.mirrors.keys(), asked) ?? '';
    const settings = all.mirrors.get(host);
    const repository = settings && repositoryOf(host, name);
    return repository && { repository, settings, all };
  };

  return {
    manifest: async (all, host, name, reference) => {
      const place = placeOf(all, host, name);
      const digest = hexOfDigest(reference);
      if (!place) return MISSING;
      if (digest !== undefined) return byDigest(place, digest);
      return isTag(reference) ? byTag(place, reference) : MISSING;
    },
    blob: async (all, host, name, digest) => {
      const place = placeOf(all, host, name);
      if (!place || !isSha256(digest)) return MISSING;
      return fetches.open({ ...place, digest, size: sizes.get(digest), limit: all.limit });
    },
    close: async () => {
      closing.abort();
      await fetches.ended();
    },
  };
}
