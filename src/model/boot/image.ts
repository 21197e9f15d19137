/**
 * Where a file comes from: below the artifacts folder (slash-separated, relative), or elsewhere by URL. `image`: the
 * OCI archive of an image that was built, put together from its blobs while it is sent.
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

/** All that one operating system needs to boot. */
export interface Image {
  readonly name: string;
  readonly kernel: Source;
  readonly initrd: readonly Source[];
  readonly root: Root;
  /** Where these are the files of a build: which one. */
  readonly build?: BuildUse;
}

/** All files of an image: kernel, initrds, root. */
export function sourcesOf({ kernel, initrd, root }: Pick<Image, 'kernel' | 'initrd' | 'root'>): readonly Source[] {
  return [kernel, ...initrd, ...(root.source ? [root.source] : [])];
}

/** A build that an image is made of. */
export interface BuildUse {
  readonly name: string;
  /** What its root may be, the best first: which of these there is, only the build tells. */
  readonly roots: readonly Root[];
}
