import type { ScriptResult } from '../model/boot/script.ts';
import type { RecordEvent } from '../model/event.ts';
import type { OpenResult } from '../model/files/open-file.ts';
import type { Mac } from '../model/mac.ts';

/** The manifest of an image, as a registry gives it. */
export interface RegistryManifest {
  /** 64 hex digits. */
  readonly digest: string;
  readonly mediaType: string;
  /** The bytes, which are UTF-8. */
  readonly text: string;
}

/** What the HTTP server serves, and what it needs for that. */
export interface AppOptions {
  readonly scripts: {
    /** The script of one machine. */
    forMac(mac: Mac): Promise<ScriptResult>;
    /** What matched, where each value came from, the artifacts with their digests, and problems: for JSON. */
    explain(mac: Mac): Promise<unknown>;
    /** A script that asks for the machine's own. */
    bootstrap(): string | Promise<string>;
  };
  readonly artifacts: {
    open(path: string): Promise<OpenResult>;
    openBlob(digest: string): Promise<OpenResult>;
  };
  readonly bootFiles: {
    open(name: string): Promise<OpenResult>;
  };
  /** The images that were built, offered as by a registry. */
  readonly registry: {
    /** Their names; undefined where none is offered. */
    names(): Promise<readonly string[] | undefined>;
    /** By a digest (`sha256:` and 64 hex digits), or the one that the name stands for; undefined where there is none. */
    manifest(name: string, digest: string | undefined): Promise<RegistryManifest | undefined>;
    /** Opens a blob by its 64 hex digits. */
    blob(digest: string): Promise<OpenResult>;
  };
  readonly record: RecordEvent;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}
