import { BadImage, type Listed } from './oci-image.ts';

/** Variants of an architecture that run on each other, the best first. */
const COMPATIBLE: Readonly<Record<string, readonly string[]>> = { arm: ['v8', 'v7', 'v6', 'v5'], arm64: ['v8'] };

/** The variants that run on an architecture, the best first; `''` stands for images that name none. */
function variantsOf(architecture: string, variant: string | undefined): readonly string[] {
  const known = COMPATIBLE[architecture] ?? [];
  if (variant === undefined) return ['', ...known];
  const from = known.indexOf(variant);
  return from === -1 ? [variant, ''] : [...known.slice(from), ''];
}

/** Excludes attestations, whose platform is `unknown`. */
const isImage = ({ platform }: Listed): boolean => platform?.os !== 'unknown';

/**
 * The images of an index with a label, one for each platform: those that have it; else references that end in it, as
 * podman writes them; else, for `latest`, all images if they are one. The dracut module `slipway-oci` has the same rules.
 */
export function labelled(listed: readonly Listed[], label: string): readonly Listed[] {
  const images = listed.filter(isImage);
  const areSame = (some: readonly Listed[]) => new Set(some.map((each) => each.label)).size === 1;
  const exact = images.filter((each) => each.label === label);
  const references = images.filter((each) => each.label.endsWith(`:${label}`));
  if (exact.length > 0) return exact;
  if (areSame(references)) return references;
  const isOne = areSame(images) && (images.length === 1 || images.every(({ platform }) => platform));
  return label === 'latest' && isOne ? images : [];
}

/**
 * The image for a platform, as skopeo chooses it: the best variant, then one without a platform, the first of several.
 * @param platform as Go spells it, such as `amd64`, or with a variant, `arm/v7`
 * @returns undefined where none fits
 */
export function fitting<T extends Listed>(listed: readonly T[], platform: string): T | undefined {
  const [wanted = '', variant] = platform.split('/');
  const order = variantsOf(wanted, variant);
  const rank = ({ platform }: Listed): number => {
    if (!platform) return order.length;
    return platform.os === 'linux' && platform.architecture === wanted ? order.indexOf(platform.variant) : -1;
  };
  return listed
    .filter((each) => isImage(each) && rank(each) !== -1)
    .reduce<T | undefined>((best, each) => (best && rank(best) <= rank(each) ? best : each), undefined);
}

/** Words of an index as a list in a message. */
const listOf = (words: readonly string[], none: string): string =>
  words
    .join(', ')
    .replace(/[^ -~]/g, '?')
    .slice(0, 200) || none;

/** The platforms of an index's images as a list in a message. */
export function platformsOf(listed: readonly Listed[]): string {
  const names = listed.filter(isImage).flatMap(({ platform }) => (platform ? [Object.values(platform)] : []));
  return listOf([...new Set(names.map((parts) => parts.filter(Boolean).join('/')))].sort(), 'nothing');
}

/**
 * The image of an index with a label, for a platform.
 * @throws BadImage with the labels or platforms of the index
 */
export function chooseImage<T extends Listed>(listed: readonly T[], label: string, platform: string): Listed {
  const images = labelled(listed, label);
  if (images.length === 0) {
    const labels = listOf(
      listed.map((each) => each.label || '(none)'),
      'none',
    );
    throw new BadImage(`there is no image labelled ${label}; the labels: ${labels}`);
  }
  const found = fitting(images, platform);
  if (!found) throw new BadImage(`the image is not for linux/${platform}, but for ${platformsOf(images)}`);
  return found;
}
