/** The manifest of an image, as a registry gives it. */
export interface ImageManifest {
  /** 64 hex digits. */
  readonly digest: string;
  readonly mediaType: string;
  /** The bytes, which are UTF-8. */
  readonly text: string;
}
