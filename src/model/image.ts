/** Where a file comes from: below the artifacts folder (slash-separated, relative), or elsewhere by URL. */
export type Source =
  | { readonly kind: 'artifact'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

/** How the initrd makes the root file system; the method names the default script template. */
export type Root =
  | { readonly method: 'bootc-live'; readonly source: Source; readonly label: string }
  | { readonly method: 'container-root'; readonly source: Source; readonly size: string }
  | { readonly method: 'live'; readonly source: Source }
  | { readonly method: 'lazy'; readonly source: Source }
  | { readonly method: 'none' };

/** All that one operating system needs to boot. */
export interface Image {
  readonly name: string;
  readonly kernel: Source;
  readonly initrd: readonly Source[];
  readonly root: Root;
}

/** Every source that an image names, in the order in which a node fetches them. */
export function imageSources(image: Image): readonly Source[] {
  return [image.kernel, ...image.initrd, ...(image.root.method === 'none' ? [] : [image.root.source])];
}
