import type { Mapping } from '../mapping.ts';

/** A text, or the reference of a secret: `{ '!secret': 'env:NAME' }`. */
export type TextOrSecret = string | number | boolean | Mapping;

/** A volume of a `containers:` section, as it is written. */
export interface VolumeSection {
  readonly place?: 'cache' | 'memory' | undefined;
  readonly keep?: 'always' | 'pipeline' | undefined;
  readonly size?: string | number | undefined;
  readonly luks?: { readonly key: TextOrSecret; readonly size: string | number } | undefined;
  readonly mirror?: MirrorSection | undefined;
}

/** The copy of a volume in a store. */
export interface MirrorSection {
  readonly store: string | number;
  /** What the names of its objects begin with; `{node}` stands for the node's name. */
  readonly prefix?: string | undefined;
  readonly pull?: readonly ('start' | 'step')[] | undefined;
  readonly push?: readonly ('step' | 'changes' | 'end')[] | undefined;
  readonly remove?: boolean | undefined;
  readonly exclude?: readonly string[] | undefined;
}

/** What is mounted into a step's container. */
export interface MountSection {
  readonly volume?: string | number | undefined;
  readonly host?: string | undefined;
  readonly tmpfs?: string | number | true | undefined;
  readonly target: string;
  readonly read_only?: boolean | undefined;
}

type FailureAction = 'stop' | 'continue' | 'retry' | 'reboot';

/** A step of a pipeline, as it is written. */
export interface StepSection {
  readonly name: string | number;
  readonly image: string;
  readonly plain_http?: boolean | undefined;
  readonly entrypoint?: readonly (string | number)[] | undefined;
  readonly command?: readonly (string | number)[] | undefined;
  readonly environment?: Readonly<Record<string, TextOrSecret>> | null | undefined;
  readonly workdir?: string | undefined;
  readonly user?: string | number | undefined;
  readonly mounts?: readonly MountSection[] | null | undefined;
  readonly devices?: readonly string[] | null | undefined;
  readonly network?: 'host' | 'none' | 'private' | undefined;
  readonly capabilities?: readonly string[] | null | undefined;
  readonly privileged?: boolean | undefined;
  readonly systemd?: boolean | undefined;
  readonly timeout?: number | undefined;
  readonly memory?: string | number | undefined;
  readonly on_failure?:
    | FailureAction
    | { readonly action: FailureAction; readonly retries?: number | undefined }
    | undefined;
  readonly background?: boolean | undefined;
  readonly always?: boolean | undefined;
}

/** What follows a pipeline, as it is written. */
export interface EndSection {
  readonly action?: 'poweroff' | 'reboot' | 'kexec' | 'wait' | 'shell' | undefined;
  /** The image that starts, with `kexec` alone. */
  readonly image?: string | number | undefined;
  readonly after?: number | undefined;
}

/** A `containers:` section, as it is written. */
export interface ContainersSection {
  readonly clock?: readonly string[] | null | undefined;
  readonly cache?:
    | {
        readonly device: string;
        readonly allow_format?: boolean | undefined;
        readonly limit?: string | number | undefined;
      }
    | null
    | undefined;
  readonly volumes?: Readonly<Record<string, VolumeSection | null>> | null | undefined;
  readonly steps?: readonly StepSection[] | null | undefined;
  readonly end?: EndSection | null | undefined;
}

/** The sections of one machine with the places that they came from, the most general first. */
export type ContainersLayers = readonly { readonly value: ContainersSection; readonly from: string }[];

/** One section of all: key by key, the most specific counts. */
export function mergeContainers(layers: ContainersLayers): ContainersSection {
  return Object.assign({}, ...layers.map(({ value }) => value));
}

/** The image that starts at the end of the pipeline of a machine, by kexec; undefined for none. */
export function kexecImage(end: EndSection | null | undefined): string | undefined {
  return end?.action === 'kexec' && end.image !== undefined ? String(end.image) : undefined;
}

/** An S3-compatible store, as it is written below `stores:`. */
export interface StoreSection {
  readonly url: string;
  readonly bucket: string | number;
  readonly region?: string | undefined;
  readonly access_key: TextOrSecret;
  readonly secret_key: TextOrSecret;
}
