import { BadImage } from '../oci/oci-image.ts';
import { lookUp, type Tree } from '../rootfs/tree.ts';

/** Where an image comes from: something that skopeo reads, or an archive of a root file system. */
export type ImageSource =
  | { readonly kind: 'skopeo'; readonly reference: string }
  | { readonly kind: 'tar'; readonly path: string };

const TRANSPORTS = ['docker://', 'oci:', 'oci-archive:', 'docker-archive:', 'dir:'] as const;

/**
 * Reads the name of an image: one with a transport of skopeo's, or the path of a tar archive.
 * @returns undefined for neither
 */
export function parseSource(text: string): ImageSource | undefined {
  for (const transport of TRANSPORTS) {
    if (text.startsWith(transport) && text.length > transport.length) return { kind: 'skopeo', reference: text };
  }
  if (text === '' || /^[a-z][a-z0-9+.-]*:(\/\/|$)/.test(text)) return undefined;
  return { kind: 'tar', path: text };
}

/** The forms of a source, for the message about a wrong one. */
export const SOURCE_EXPECTED =
  'docker://REGISTRY/NAME:TAG, oci:DIR, oci-archive:FILE, docker-archive:FILE, dir:DIR, or the path of a tar archive';

/**
 * Refuses an image's archive that was given as one of a root file system.
 * @param tree its files
 * @throws BadImage that names the transport for it
 */
export function mustBeRoot(tree: Tree, source: ImageSource): void {
  if (source.kind !== 'tar') return;
  const has = (...names: readonly string[]) => names.every((name) => lookUp(tree, name));
  const isDocker = has('manifest.json') && !has('usr') && !has('etc');
  const transport = has('index.json', 'blobs/sha256') ? 'oci-archive' : isDocker ? 'docker-archive' : undefined;
  if (transport === undefined) return;
  throw new BadImage(
    `${source.path} is the archive of an image, not of a root file system: name it ${transport}:${source.path}`,
  );
}
