import { createHash } from 'node:crypto';
import { type Member, makeTar } from './image-layers.ts';

/** A blob with its name in a layout. */
export interface Blob extends Member {
  readonly digest: string;
  readonly content: string;
}

export function blobOf(content: string): Blob {
  const hex = createHash('sha256').update(Buffer.from(content, 'latin1')).digest('hex');
  return { name: `blobs/sha256/${hex}`, content, digest: `sha256:${hex}` };
}

const describeBlob = ({ digest, content }: Blob, mediaType: string) => ({ digest, size: content.length, mediaType });

/** The members of a layout with one image. */
export interface Layout {
  readonly layout: Member;
  readonly index: Member;
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

const indexOf = (manifests: readonly unknown[]) => JSON.stringify({ schemaVersion: 2, manifests });

/** Makes an image of layers with these contents. */
export function makeLayout(contents: readonly string[], label = 'latest'): Layout {
  const layers = contents.map(blobOf);
  const config = blobOf(JSON.stringify({ architecture: 'amd64', os: 'linux', label }));
  const type = (what: string) => `application/vnd.oci.image.${what}`;
  const manifest = blobOf(
    JSON.stringify({
      schemaVersion: 2,
      config: describeBlob(config, type('config.v1+json')),
      layers: layers.map((layer) => describeBlob(layer, type('layer.v1.tar'))),
    }),
  );
  const annotations = { 'org.opencontainers.image.ref.name': label };
  const entry = { ...describeBlob(manifest, type('manifest.v1+json')), annotations };
  return {
    layout: { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    index: { name: 'index.json', content: indexOf([entry]) },
    ...{ manifest, config, layers },
  };
}

/** An index over the images of several layouts. */
export function joinIndexes(...layouts: readonly Layout[]): Member {
  return {
    name: 'index.json',
    content: indexOf(layouts.flatMap(({ index }) => JSON.parse(index.content ?? '').manifests)),
  };
}

/** The archive as a program may write it that sorts blobs by their digests and puts the index behind them. */
export function blobsFirst({ layout, index, manifest, config, layers }: Layout): Buffer {
  const blobs = [manifest, config, ...layers].sort((a, b) => (a.name < b.name ? 1 : -1));
  return makeTar([{ name: 'blobs', type: 'directory' }, ...blobs, layout, index]);
}
