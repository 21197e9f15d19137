import type { BootEvent } from '../../model/event.ts';
import type { NotOpened } from '../../model/files/open-file.ts';

/** What a worker is started with. */
export interface WorkerSettings {
  /** The address to listen on. */
  readonly host: string;
  readonly port: number;
  readonly sendfile: boolean;
  /** Bytes. */
  readonly bufferMemory: number;
  /** Connections that one address may have at this worker. */
  readonly perAddress: number | undefined;
}

/**
 * What a worker asks the control process, each with one argument; a manifest by image and digest, a blank between.
 * `renewed`: whether a loan holds the bytes that it held, though its stamps moved.
 */
export type Question =
  | 'script'
  | 'explain'
  | 'bootstrap'
  | 'artifact'
  | 'blob'
  | 'bootFile'
  | 'imageNames'
  | 'imageManifest'
  | 'imageBlob'
  | 'renewed';

/** A file that the worker opens for itself. */
export interface GrantedFile {
  readonly path: string;
  /** Of the very version: what the worker opens must have the same. */
  readonly stamp: string;
}

/** A part of a file that is put together: bytes in base64, or a part of one of the files that are lent for it. */
export type GrantedPart = string | { readonly file: number; readonly first: number; readonly length: number };

/** A file that the control process holds open for a worker. */
export type FileGrant =
  | {
      readonly ok: true;
      /** By which the worker gives it back. */
      readonly loan: number;
      readonly digest: string | undefined;
      /** The file, or those that it is put together from. */
      readonly files: readonly GrantedFile[];
      readonly parts: readonly GrantedPart[] | undefined;
    }
  | NotOpened;

/** From a worker to the control process. */
export type FromWorker =
  /** It listens to messages: what is sent earlier is lost. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'listening'; readonly listening: readonly string[]; readonly port: number }
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined }
  | { readonly kind: 'event'; readonly event: BootEvent }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question; readonly argument: string }
  | { readonly kind: 'return'; readonly loan: number };

/** From the control process to a worker. */
export type ToWorker =
  | { readonly kind: 'start'; readonly settings: WorkerSettings }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'trouble'; readonly id: number; readonly message: string; readonly code: string | undefined }
  | { readonly kind: 'stop'; readonly graceMs: number };
