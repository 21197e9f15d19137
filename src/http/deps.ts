import type { RecordEvent } from '../model/event.ts';
import type { Mac } from '../model/mac.ts';
import type { OpenResult } from '../model/open-file.ts';
import type { ScriptResult } from '../model/script.ts';

/** What the HTTP server serves, and what it needs for that. */
export interface HttpDeps {
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
  readonly record: RecordEvent;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}
