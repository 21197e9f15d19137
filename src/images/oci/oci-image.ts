import { hexOfDigest } from '../../model/files/sha256.ts';

/** A blob as an image's manifest names it. */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** An image in an index (OCI image specification 1.1, image-index.md). */
export interface Listed extends Descriptor {
  /** Its name or reference; empty for none. */
  readonly label: string;
  /** Undefined where the index has none; missing fields are empty. */
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant: string } | undefined;
}

/** An image's manifest and configuration (OCI image specification 1.1, manifest.md and config.md). */
export interface OciImage {
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  /** The lowest first. */
  readonly layers: readonly Descriptor[];
  /** As Go spells it: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly created: string | undefined;
}

/** An image that cannot be used as it is; the message says why, and often what to do. */
export class BadImage extends Error {
  override readonly name = 'BadImage';
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(text: string, what: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json)) return json;
  } catch {
    // See below.
  }
  throw new BadImage(`the image's ${what} is no JSON object`);
}

/** The hex digits of a SHA-256 digest, which are the name of the blob's file. */
export function digestHex(digest: string): string {
  const hex = hexOfDigest(digest);
  if (hex === undefined)
    throw new BadImage(`the image names a blob by ${JSON.stringify(digest)}, which is no SHA-256 digest`);
  return hex;
}

function readDescriptor(value: unknown): Descriptor {
  if (!isObject(value) || typeof value.digest !== 'string') throw new BadImage('the image has a malformed descriptor');
  digestHex(value.digest);
  const { size, mediaType } = value;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new BadImage('the image has a descriptor without a size');
  }
  return { mediaType: typeof mediaType === 'string' ? mediaType : '', digest: value.digest, size };
}

/** The only image in the index of a layout that skopeo wrote. */
export function readIndex(text: string): Descriptor {
  const { manifests } = parse(text, 'index');
  if (!Array.isArray(manifests) || manifests.length !== 1) throw new BadImage('the layout has not just one image');
  return readDescriptor(manifests[0]);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/**
 * The images in an index.
 * @returns undefined for a document that is no index
 * @throws BadImage for a malformed one
 */
export function readIndexes(text: string): readonly Listed[] | undefined {
  const { manifests } = parse(text, 'index');
  if (!Array.isArray(manifests)) return undefined;
  return manifests.map((value: unknown) => {
    const annotations = isObject(value) && isObject(value.annotations) ? value.annotations : {};
    const platform = isObject(value) && isObject(value.platform) ? value.platform : undefined;
    return {
      ...readDescriptor(value),
      label: textOf(annotations['org.opencontainers.image.ref.name']),
      platform: platform && {
        os: textOf(platform.os),
        architecture: textOf(platform.architecture),
        variant: textOf(platform.variant),
      },
    };
  });
}

/**
 * The configuration and the layers that a manifest names.
 * @throws BadImage for what is no manifest
 */
export function imageOf(manifest: string): Pick<OciImage, 'config' | 'layers'> {
  const { layers, config } = parse(manifest, 'manifest');
  if (!Array.isArray(layers) || layers.length === 0) throw new BadImage('the image has no layers');
  return { config: readDescriptor(config), layers: layers.map(readDescriptor) };
}

/** The descriptor of a manifest's configuration. */
export function configOf(manifest: string): Descriptor {
  return readDescriptor(parse(manifest, 'manifest').config);
}

/**
 * Reads a manifest with its configuration.
 * @throws BadImage unless it is an image of a Linux file system
 */
export function readImage(manifest: Descriptor, manifestText: string, configText: string): OciImage {
  const { layers, config } = imageOf(manifestText);
  for (const { mediaType } of layers) {
    if (mediaType.includes('encrypted'))
      throw new BadImage('a layer of the image is encrypted: decrypt it with skopeo');
    if (!mediaType.includes('tar')) {
      throw new BadImage(`a layer is ${JSON.stringify(mediaType)}: this is some other artifact, no container image`);
    }
  }
  const { architecture, os, created } = parse(configText, 'configuration');
  if (typeof os === 'string' && os !== '' && os !== 'linux')
    throw new BadImage(`the image is for ${os}, not for Linux`);
  return {
    manifest,
    config,
    layers,
    architecture: typeof architecture === 'string' ? architecture : '',
    created: typeof created === 'string' && !Number.isNaN(Date.parse(created)) ? created : undefined,
  };
}
