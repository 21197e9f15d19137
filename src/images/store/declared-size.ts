import { fitting } from '../oci/choose-image.ts';
import { imageOf, readIndexes } from '../oci/oci-image.ts';

/**
 * The bytes of all layers of an image in a registry, by its manifest. skopeo sets no limit: a layer may be endless.
 * @param inspect reads a document of the registry
 * @throws BadImage for a document that is no manifest
 */
export async function layersSize(
  reference: string,
  platform: string,
  inspect: (reference: string) => Promise<string>,
): Promise<number> {
  const top = await inspect(reference);
  const listed = readIndexes(top);
  const found = listed && fitting(listed, platform);
  // Where none fits, skopeo fails before it fetches anything.
  if (listed && !found) return 0;
  const untagged = reference.replace(/(?::\w[\w.-]*)?(?:@sha256:\w+)?$/, '');
  const manifest = found ? await inspect(`${untagged}@${found.digest}`) : top;
  return imageOf(manifest).layers.reduce((sum, { size }) => sum + size, 0);
}
