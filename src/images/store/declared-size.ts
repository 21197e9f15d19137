import { fitting } from '../oci/choose-image.ts';
import { imageOf, readIndexes } from '../oci/oci-image.ts';

/**
 * Bytes of all layers of an image in a registry, as its manifest says: skopeo takes whatever comes, even without end.
 * @param inspect reads a document of the registry
 * @throws BadImage for what is no manifest
 */
export async function layersSize(
  reference: string,
  platform: string,
  inspect: (reference: string) => Promise<string>,
): Promise<number> {
  const top = await inspect(reference);
  const listed = readIndexes(top);
  const found = listed && fitting(listed, platform);
  // skopeo fails where none fits, with nothing fetched.
  if (listed && !found) return 0;
  const untagged = reference.replace(/(?::\w[\w.-]*)?(?:@sha256:\w+)?$/, '');
  const manifest = found ? await inspect(`${untagged}@${found.digest}`) : top;
  return imageOf(manifest).layers.reduce((sum, { size }) => sum + size, 0);
}
