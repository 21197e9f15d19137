import type { ImageManifest } from './manifest.ts';
import type { OpenFile } from './open-file.ts';

/** The code of an error of a file whose bytes do not all arrive. */
export const NOT_ARRIVED = 'NOT_ARRIVED';

/** What another registry does not have, or what cannot be fetched from it now (`away`). */
export interface NotMirrored {
  readonly ok: false;
  readonly reason: 'missing' | 'away';
  /** For people: half a sentence. */
  readonly why: string;
}

/** @param why half a sentence */
export const away = (why: string): NotMirrored => ({ ok: false, reason: 'away', why });

/** A manifest or index of another registry. */
export type MirroredManifest = { readonly ok: true; readonly manifest: ImageManifest } | NotMirrored;

/** A blob of another registry, which may still be arriving. */
export type MirroredBlob = { readonly ok: true; readonly file: OpenFile } | NotMirrored;

/** Images of other registries, fetched when they are asked for. Names are a client's words, not checked yet. */
export interface Mirror {
  /** @param reference a tag, or `sha256:` and 64 hex digits */
  manifest(host: string, name: string, reference: string): Promise<MirroredManifest>;
  /** @param digest 64 hex digits */
  blob(host: string, name: string, digest: string): Promise<MirroredBlob>;
}
