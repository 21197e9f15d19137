/** A registry whose images are fetched when they are asked for. */
export interface MirrorSettings {
  /** Whether it is spoken to by plain HTTP. */
  readonly plainHttp: boolean;
  /** Undefined for an anonymous log-in. */
  readonly login: { readonly username: string /** `file:PATH` or `env:NAME`. */; readonly secret: string } | undefined;
}

/** What `/v2/` offers beside the images that were built. */
export interface RegistrySettings {
  /** By `HOST` or `HOST:PORT`, as image names have it. Nothing is fetched from any other. */
  readonly mirrors: ReadonlyMap<string, MirrorSettings>;
  /** For how long a tag counts before it is looked up anew, seconds. */
  readonly tagsFor: number;
  /** Bytes that fetched images may take on disk. */
  readonly limit: number;
}
