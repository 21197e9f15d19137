/**
 * What a machine does that runs containers straight from its initrd: the document at `/containers/<mac>`, as JSON.
 * `dracut-modules/90slipway-containers` reads it with jq. It has no token in it: the kernel line has that, and the
 * SHA-256 digest of the document's bytes.
 */
export interface ContainersDocument {
  readonly version: 1;
  /** The node's name; its MAC address where it has none. */
  readonly node: string;
  /** Host names or addresses of NTP servers, asked in this order before anything is fetched; empty to leave the clock. */
  readonly clock: readonly string[];
  /** Where images and volumes are kept; null for memory. */
  readonly cache: Cache | null;
  readonly volumes: readonly Volume[];
  /** In order. Those in the background are started in their place, and end with the pipeline. */
  readonly steps: readonly Step[];
  readonly end: End;
}

/** A disk or partition that keeps images and volumes across boots. */
export interface Cache {
  /** `LABEL=NAME`, `/dev/…`, or `auto` for the largest disk that holds nothing. */
  readonly device: string;
  /** Whether a device that holds nothing may be formatted. One that holds anything else never is. */
  readonly allow_format: boolean;
  /** The most that images may take there, bytes; null for three quarters of it. */
  readonly limit: number | null;
}

/** A directory that steps share, and that may outlive the boot. */
export interface Volume {
  readonly name: string;
  /** On the cache device, or in memory. */
  readonly place: 'cache' | 'memory';
  /** For ever, or until the pipeline ends. */
  readonly keep: 'always' | 'pipeline';
  /** The most that it may hold in memory, bytes; null for no limit of its own. */
  readonly size: number | null;
  /** A file system of its own with LUKS2 on the cache device, and its size; null for a plain directory. */
  readonly luks: { readonly key: string; readonly size: number } | null;
  /** A copy in an S3 store, which the server gives access to; null for none. */
  readonly mirror: Mirror | null;
}

/** When a volume is fetched from its store, and brought there. */
export interface Mirror {
  /** Before the pipeline, or before each step that mounts it. */
  readonly pull: readonly ('start' | 'step')[];
  /** After each step that mounts it, whenever something changed, or after the pipeline. */
  readonly push: readonly ('step' | 'changes' | 'end')[];
  /** Whether what the other side no longer has is removed here too. */
  readonly remove: boolean;
  /** Shell patterns of paths in the volume that stay out of it. */
  readonly exclude: readonly string[];
}

/** One container. */
export interface Step {
  readonly name: string;
  readonly image: ImageReference;
  /** Null for that of the image. */
  readonly entrypoint: readonly string[] | null;
  /** Null for that of the image; with an entry point of the step's own, for none. */
  readonly command: readonly string[] | null;
  readonly environment: Readonly<Record<string, string>>;
  /** Null for that of the image. */
  readonly workdir: string | null;
  /** `UID`, `UID:GID`, or names of the image; null for that of the image. */
  readonly user: string | null;
  readonly mounts: readonly Mount[];
  /** Paths of devices of the machine, such as `/dev/kvm`. */
  readonly devices: readonly string[];
  /** The machine's network, none at all, or one that the steps have for themselves, with a way out. */
  readonly network: 'host' | 'none' | 'private';
  /** Capabilities beside the usual few, such as `CAP_NET_ADMIN`. */
  readonly capabilities: readonly string[];
  /** All capabilities and devices, and no seccomp filter. */
  readonly privileged: boolean;
  /** Whether the image's init system is started: it gets writable cgroups of its own, and /run and /tmp in memory. */
  readonly systemd: boolean;
  /** Seconds after which it counts as failed; null for never. */
  readonly timeout: number | null;
  /** Bytes; null for no limit. */
  readonly memory: number | null;
  readonly on_failure: OnStepFailure;
  readonly background: boolean;
  /** Whether it runs after the pipeline too where that has stopped. */
  readonly always: boolean;
}

/** What follows a step that failed: its status was not 0, or its time or memory was up. */
export interface OnStepFailure {
  /** `retry`: anew, and then stop. */
  readonly action: 'stop' | 'continue' | 'retry' | 'reboot';
  /** Times that it is run anew. */
  readonly retries: number;
}

/** An image as the initrd pulls it. */
export interface ImageReference {
  /** `HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`. */
  readonly reference: string;
  /** Its name for people, as in the YAML: it may be fetched by way of this server. */
  readonly name: string;
  /** Whether the registry speaks plain HTTP. */
  readonly plain_http: boolean;
}

/** What is mounted into a container: a volume, a path of the machine, or memory. */
export type Mount =
  | { readonly volume: string; readonly target: string; readonly read_only: boolean }
  | { readonly host: string; readonly target: string; readonly read_only: boolean }
  | { readonly tmpfs: number | null; readonly target: string };

/** What follows the pipeline, after so many seconds. */
export type End =
  /** `wait`: for the next document, without a restart. */
  | { readonly action: 'poweroff' | 'reboot' | 'wait' | 'shell'; readonly after: number }
  /** An image of the configuration starts; what it boots is in a {@link KexecDocument}. */
  | { readonly action: 'kexec'; readonly image: string; readonly after: number };

/**
 * What a machine starts by kexec: the document at `/containers/<mac>/<token>/kexec`, as JSON. It is made when the pipeline
 * is over, as it has the tokens of the boot that begins with it.
 */
export interface KexecDocument {
  readonly kernel: KexecFile;
  /** In order; the next initramfs is all of them, each on a multiple of four bytes. */
  readonly initrds: readonly (KexecFile & {
    /** The absolute path that the file has in the next initramfs; null for an initrd as it is. */
    readonly path: string | null;
  })[];
  /** The kernel line. */
  readonly line: string;
  /** Where the machine reports that it could not start this. */
  readonly report: string;
}

/** A file to be fetched. */
export interface KexecFile {
  readonly url: string;
  /** 64 hex digits; null where they are not known. */
  readonly sha256: string | null;
}
