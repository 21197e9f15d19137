import type { ScriptResult } from '../../model/boot/script.ts';
import type { ConfigurationAnswer, ConfigurationSource } from '../../model/configuration/answer.ts';
import type { ContainersAnswer, ContainersSource } from '../../model/containers/answer.ts';
import type { BootEvent } from '../../model/event.ts';
import type { MirroredManifest, NotMirrored } from '../../model/files/mirrored.ts';
import type { NotOpened } from '../../model/files/open-file.ts';
import type { SegmentJson } from '../../model/files/segment.ts';
import type { Fleet } from '../../model/fleet/status.ts';
import type { Mac } from '../../model/machine/mac.ts';
import type { Arrival } from '../../model/settings/served-by.ts';
import type { AppOptions, ScriptRequest } from '../app-options.ts';

/** Settings of a worker. */
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
 * The questions that a worker asks the control process, as functions. A file comes as a grant: the worker opens it for
 * itself, and the control process holds it open until the grant is returned.
 */
export interface Questions {
  script(mac: Mac, request: ScriptRequest): Promise<ScriptResult>;
  explain(mac: Mac, request: Omit<ScriptRequest, 'boots'>): Promise<unknown>;
  bootstrap(arrival: Arrival): Promise<string>;
  artifact(path: string): Promise<FileGrant>;
  blob(digest: string): Promise<FileGrant>;
  bootFile(name: string): Promise<FileGrant>;
  imageNames(): Promise<readonly string[] | undefined>;
  imageManifest(name: string, digest?: string): ReturnType<AppOptions['registry']['manifest']>;
  imageBlob(digest: string): Promise<FileGrant>;
  mirroredManifest(host: string, name: string, reference: string): Promise<MirroredManifest>;
  mirroredBlob(host: string, name: string, digest: string): Promise<Granted | NotMirrored>;
  /** Waits for bytes of a granted file that still arrives: see OpenFile. */
  arrived(grant: number, end: number): Promise<string | undefined>;
  /** A call of the fleet, by its name. */
  fleet(call: keyof Fleet, args: readonly unknown[]): Promise<unknown>;
  configuration(call: keyof ConfigurationSource, args: readonly unknown[]): Promise<ConfigurationAnswer>;
  containers(call: keyof ContainersSource, args: readonly unknown[]): Promise<ContainersAnswer>;
  metrics(): ReturnType<AppOptions['metrics']>;
  /** Whether a granted file holds the bytes that it held, though its stamps moved. */
  renewed(grant: number): Promise<boolean>;
}

/** A question with its arguments. */
export type Asked = {
  [Name in keyof Questions]: { readonly question: Name; readonly args: Parameters<Questions[Name]> };
}[keyof Questions];

/** A file that the worker opens for itself. */
export interface GrantedFile {
  readonly path: string;
  /** Of the version: the file that the worker opens must have the same. */
  readonly stamp: string;
}

/** A file that the control process holds open for a worker. */
export interface Granted {
  readonly ok: true;
  /** The number by which the worker returns it. */
  readonly grant: number;
  readonly digest: string | undefined;
  /** The file, or those that it is put together from. */
  readonly files: readonly GrantedFile[];
  /** Of a file that is put together: its segments, by indexes of `files`. */
  readonly segments: readonly SegmentJson<number>[] | undefined;
  /** Of a file that still arrives: its whole size, bytes. */
  readonly arriving: number | undefined;
}

/** A granted file, or why there is none. */
export type FileGrant = Granted | NotOpened;

/** From a worker to the control process. */
export type FromWorker =
  /** It listens to messages: earlier ones are lost. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'listening'; readonly listening: readonly string[]; readonly port: number }
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined }
  | { readonly kind: 'event'; readonly event: BootEvent }
  | ({ readonly kind: 'ask'; readonly id: number } & Asked)
  | { readonly kind: 'return'; readonly grant: number }
  /** It no longer listens. */
  | { readonly kind: 'stopped' };

/** From the control process to a worker. */
export type ToWorker =
  | { readonly kind: 'start'; readonly settings: WorkerSettings }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'trouble'; readonly id: number; readonly message: string; readonly code: string | undefined }
  | { readonly kind: 'stop'; readonly graceMs: number }
  /** The answer to `stopped`: no connection comes any more. */
  | { readonly kind: 'leave' };
