/**
 * Where a file comes from: below the artifacts folder (slash-separated, relative), or elsewhere by URL. `image`: the
 * OCI archive of an image that was built, put together from its blobs while it is sent.
 */
export type Source =
  | { readonly kind: 'artifact'; readonly path: string }
  | { readonly kind: 'image'; readonly name: string }
  | { readonly kind: 'url'; readonly url: string };

/** How the initrd makes the root file system; the method names the default script template. */
export type Root =
  | { readonly method: 'bootc-live'; readonly source: Source; readonly label: string }
  | { readonly method: 'container-root'; readonly source: Source; readonly size: string }
  | { readonly method: 'live'; readonly source: Source }
  | { readonly method: 'none' };

/** All that one operating system needs to boot. */
export interface Image {
  readonly name: string;
  readonly kernel: Source;
  readonly initrd: readonly Source[];
  readonly root: Root;
  /** Where these are the files of a build: which one. */
  readonly build?: BuildUse;
}

/** A build that an image is made of. */
export interface BuildUse {
  readonly name: string;
  /** What its root may be, the best first: which of these there is, only the build tells. */
  readonly roots: readonly Root[];
}
