/**
 * Where a file comes from: below the artifacts folder (slash-separated, relative), or elsewhere by URL. `image`: the
 * OCI archive of an image that was built, put together from its blobs while it is sent.
 */
export type Source =
  | { readonly kind: 'artifact'; readonly path: string }
  | { readonly kind: 'image'; readonly name: string }
  | { readonly kind: 'url'; readonly url: string };

/** A container image, its layers unpacked into memory. Keys are those of the YAML: templates print them. */
export interface BootcLiveRoot {
  readonly method: 'bootc-live';
  /** An OCI archive, or `docker://HOST/NAME:TAG`. */
  readonly source: Source;
  readonly label: string;
  readonly unsecure: boolean;
  readonly delivery: 'http' | 'initrd';
  readonly rw: boolean;
  readonly etc_rw: boolean;
  readonly var_rw: boolean;
  /** Mount options with commas between; null for none. */
  readonly root_flags: string | null;
  /** As tmpfs takes it; null for what memory there is. */
  readonly size: string | null;
  /** The size of a file system in compressed memory; null for none. */
  readonly zram: string | null;
  readonly erofs: boolean;
  readonly kexec: boolean;
  readonly reuse_image: boolean;
  readonly quiet: boolean;
}

/** How the initrd makes the root file system; the method names the default script template. */
export type Root =
  | BootcLiveRoot
  | { readonly method: 'container-root'; readonly source: Source; readonly size: string | null }
  | { readonly method: 'image'; readonly source: Source; readonly size: string | null }
  | { readonly method: 'live'; readonly source: Source; readonly readonly: boolean; readonly ram: boolean }
  | { readonly method: 'lazy'; readonly source: Source }
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
