import { join } from 'node:path';
import { singleFlight } from '../../artifacts/single-flight.ts';
import type { StoreServices } from '../../artifacts/store/services.ts';
import type { ImageManifest } from '../../model/files/manifest.ts';
import type { MirroredBlob, MirroredManifest, NotMirrored } from '../../model/files/mirrored.ts';
import { hexOfDigest, isSha256 } from '../../model/files/sha256.ts';
import type { RegistrySettings } from '../../model/settings/registry.ts';
import { BlobFetches } from './blob-fetches.ts';
import { KeptFiles } from './kept-files.ts';
import { Manifests, type Place } from './manifests.ts';
import { configuredHost, isTag, repositoryOf } from './reference.ts';
import { RegistryClient } from './registry-client.ts';
import { openTags } from './tags.ts';

/** How long a registry may take to answer, or send nothing, milliseconds. */
const PATIENCE = 30_000;
/** For how long the last known tag counts without another look where the registry is away, milliseconds. */
const AWAY = 30_000;

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

function placeOf(all: RegistrySettings, asked: string, name: string): Place | undefined {
  const host = configuredHost(all.mirrors.keys(), asked) ?? '';
  const settings = all.mirrors.get(host);
  const repository = settings && repositoryOf(host, name);
  return repository && { repository, settings, all };
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
  const manifests = new Manifests({ client, kept, record, monotonic, patienceMs });
  const looking = new Map<string, Promise<MirroredManifest>>();

  /** Looks up a tag that is known. */
  const lookAgain = async (place: Place, tag: string, before: ImageManifest): Promise<MirroredManifest> => {
    const asked = await manifests.digestOf(place, tag);
    if (!asked.ok) return asked;
    const isSame = asked.digest === `sha256:${before.digest}`;
    return isSame ? { ok: true, manifest: before } : manifests.fetch(place, tag);
  };

  const lookUp = async (place: Place, tag: string, key: string): Promise<MirroredManifest> => {
    const { host, name } = place.repository;
    const last = tags.get(key);
    const before = last && (await manifests.kept(place, last.digest));
    const remember = (digest: string, forMs: number) => tags.set(key, { digest, until: monotonic() + forMs });
    const tagsForMs = place.all.tagsFor * 1000;
    const found = await (before?.ok ? lookAgain(place, tag, before.manifest) : manifests.fetch(place, tag));
    if (found.ok) await remember(found.manifest.digest, tagsForMs);
    else if (found.reason === 'missing') await tags.delete(key);
    else if (before?.ok) {
      const { digest } = before.manifest;
      const message = `${host}/${name}:${tag} cannot be looked up (${found.why}): it goes on as sha256:${digest}`;
      record({ event: 'registry.away', level: 'warn', message, host, name, digest });
      await remember(digest, Math.min(tagsForMs, AWAY));
      return before;
    }
    return found;
  };

  const byTag = async (place: Place, tag: string): Promise<MirroredManifest> => {
    const { host, name } = place.repository;
    const key = `${host}/${name}:${tag}`;
    const known = tags.get(key);
    const fresh = known && monotonic() < known.until ? await manifests.kept(place, known.digest) : undefined;
    manifests.tellAsked(place, tag, fresh ? 'hit' : looking.has(key) ? 'arriving' : 'miss');
    return fresh ?? singleFlight(looking, key, () => lookUp(place, tag, key));
  };

  return {
    manifest: async (all, host, name, reference) => {
      const place = placeOf(all, host, name);
      const digest = hexOfDigest(reference);
      if (!place) return MISSING;
      if (digest !== undefined) return manifests.byDigest(place, digest);
      return isTag(reference) ? byTag(place, reference) : MISSING;
    },
    blob: async (all, host, name, digest) => {
      const place = placeOf(all, host, name);
      if (!place || !isSha256(digest)) return MISSING;
      return fetches.open({ ...place, digest, size: manifests.sizeOf(place, digest), limit: all.limit });
    },
    close: async () => {
      closing.abort();
      await fetches.ended();
    },
  };
}
