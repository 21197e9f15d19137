/**
 * The place of a file: a path below the artifacts folder (slash-separated, relative), or a URL. `image`: the OCI archive
 * of a built image, composed of its blobs while it is sent.
 */
export type Source =
  | { readonly kind: 'artifact'; readonly path: string }
  | { readonly kind: 'image'; readonly name: string }
  | { readonly kind: 'url'; readonly url: string };

/** How the initrd makes the root file system: a method of `root-methods/`. */
export interface Root {
  readonly method: string;
  /** Absent where the method has none. */
  readonly source?: Source;
  /** The method's keys as in the YAML, with their defaults; templates print them. */
  readonly [key: string]: unknown;
}

/** How a new version of an image comes to its machines. */
export interface RolloutSettings {
  /** Machines that get it first. */
  readonly canary: number;
  /** Share of all machines that get it next, in percent; then all do. */
  readonly part: number;
  /** Seconds within which a machine must be up. */
  readonly within: number;
}

/** The files from which one operating system boots. */
export interface Image {
  readonly name: string;
  readonly kernel: Source;
  readonly initrd: readonly Source[];
  readonly root: Root;
  /** How a new version comes to its machines; all at once without it. */
  readonly rollout?: RolloutSettings | undefined;
  /** Whether a machine on which a new version failed twice gets the one before. */
  readonly keepLastGood?: boolean;
  /** The build that these files belong to, if any. */
  readonly build?: BuildUse;
}

/** Whether it matters how boots with a version of the image turn out. */
export const isFollowed = ({ rollout, keepLastGood }: Image): boolean => rollout !== undefined || keepLastGood === true;

/** All files of an image: kernel, initrds, root. */
export function sourcesOf({ kernel, initrd, root }: Pick<Image, 'kernel' | 'initrd' | 'root'>): readonly Source[] {
  return [kernel, ...initrd, ...(root.source ? [root.source] : [])];
}

/** The build of an image. */
export interface BuildUse {
  readonly name: string;
  /** Its possible roots, the best first. The files of the build decide. */
  readonly roots: readonly Root[];
}
