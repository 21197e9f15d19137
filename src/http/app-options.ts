import type { ScriptResult } from '../model/boot/script.ts';
import type { ConfigurationSource } from '../model/configuration/answer.ts';
import type { ContainersSource } from '../model/containers/answer.ts';
import type { RecordEvent } from '../model/event.ts';
import type { ImageManifest } from '../model/files/manifest.ts';
import type { Mirror } from '../model/files/mirrored.ts';
import type { OpenResult } from '../model/files/open-file.ts';
import type { Fleet } from '../model/fleet/status.ts';
import type { Facts } from '../model/machine/facts.ts';
import type { Mac } from '../model/machine/mac.ts';
import type { Arrival } from '../model/settings/served-by.ts';

/** A request for the script of one machine. */
export interface ScriptRequest {
  /** Whether the machine itself asks, in order to boot. */
  readonly boots: boolean;
  /** The IP address that asks. */
  readonly client?: string | undefined;
  /** What iPXE tells of the machine; undefined where it was not asked. */
  readonly told?: Facts | undefined;
  /** The image that was chosen from the machine's menu, or `local`. */
  readonly image?: string | undefined;
  /** Chooses the network whose URLs the script has. */
  readonly arrival?: Arrival;
}

/** The sources of all that the HTTP server serves, its log and its clocks. */
export interface AppOptions {
  readonly scripts: {
    forMac(mac: Mac, request: ScriptRequest): Promise<ScriptResult>;
    /** The rule that matched, the origin of each value, the artifacts with their digests, and problems: for JSON. */
    explain(mac: Mac, request: Omit<ScriptRequest, 'boots'>): Promise<unknown>;
    /** A script that asks for the machine's own. */
    bootstrap(arrival: Arrival): string | Promise<string>;
  };
  readonly artifacts: {
    open(path: string): Promise<OpenResult>;
    openBlob(digest: string): Promise<OpenResult>;
  };
  readonly bootFiles: {
    open(name: string): Promise<OpenResult>;
  };
  /** The built images, as a registry. */
  readonly registry: {
    /** Their names; undefined where none is offered. */
    names(): Promise<readonly string[] | undefined>;
    /**
     * A manifest by its digest (`sha256:` and 64 hex digits), or the name's current one; undefined where there is none.
     */
    manifest(name: string, digest: string | undefined): Promise<ImageManifest | undefined>;
    /** Opens a blob by its 64 hex digits. */
    blob(digest: string): Promise<OpenResult>;
  };
  /** Images of other registries. */
  readonly mirror: Mirror;
  /** What booted machines configure themselves by. */
  readonly configuration: ConfigurationSource;
  /** What machines run by root method `containers`. */
  readonly containers: ContainersSource;
  /** The machines and their boots. */
  readonly fleet: Fleet;
  /** All metrics, in the format of Prometheus; undefined where they are not served. */
  readonly metrics: () => Promise<string | undefined>;
  readonly record: RecordEvent;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}
