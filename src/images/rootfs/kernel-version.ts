/** A kernel's release; such a text is safe on terminals and as an argument of programs. */
const VERSION = /^\d[\w.+~-]*$/;

/** Endings of copies that people or package managers leave: no kernel's release has them. */
const LEFT_OVER = /[.-](?:old|bak|orig|save|backup|dpkg-\w+|rpm\w+)$|~$/;

/** Words in the releases of special kernels: for debugging, crash dumps, real time, or large pages. */
const VARIANT = /[-+._](?:debug|dbg|kdump|rescue|recovery|rt\d*|realtime|16k|64k|zfcpdump)(?![a-z0-9])/;

/** Tells kernels' releases (`uname -r`) among the names of module folders. */
export function isVersion(name: string): boolean {
  return VERSION.test(name) && !LEFT_OVER.test(name);
}

/** Tells special kernels, such as Fedora's `+debug` or Debian's `-rt`: plain ones are preferred. */
export function isVariant(version: string): boolean {
  return VARIANT.test(version);
}

/** The rank of a character that is no digit: a tilde before the end of the text, letters before all others. */
function weight(char: string | undefined): number {
  if (char === undefined) return 0;
  if (char === '~') return -1;
  return (/[A-Za-z]/.test(char) ? 0 : 256) + char.charCodeAt(0);
}

function compareText(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = weight(a[i]) - weight(b[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Compares versions as packages are ordered (Debian's deb-version(7), and GNU `sort -V`): runs of digits by their number,
 * a tilde before all. A release candidate, however it is written, comes before its release.
 * @returns less than, equal to or greater than 0
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.replace(/(\d)[-._]?rc(?=\d)/g, '$1~rc').match(/\d+|\D+/g) ?? []);
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const [x = '', y = ''] = [left?.[i], right?.[i]];
    const bothNumbers = /^\d/.test(x) && /^\d/.test(y);
    const difference = bothNumbers ? Number(x) - Number(y) : compareText(x, y);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The end of a kernel's name without a version: a flavour (Alpine's `lts`, Arch's `linux`), or nothing. */
const FLAVOUR = /^(?:[a-z][a-z0-9]*(?:-[a-z0-9]+)*)?$/;
const NO_FLAVOUR = /(?:^|-)(?:old|bak|orig|save|backup|rescue|recovery|fallback|debug)(?:-|$)/;

/**
 * True where `vmlinuz-FLAVOUR` belongs to a version: the only one, or the only one that ends in the flavour.
 * @param versions all versions that the image has modules of
 */
export function flavourFits(flavour: string, version: string, versions: readonly string[]): boolean {
  if (!FLAVOUR.test(flavour) || NO_FLAVOUR.test(flavour)) return false;
  const of = versions.filter((each) => each.endsWith(`-${flavour}`));
  return of.length > 0 ? of.length === 1 && of[0] === version : versions.length === 1;
}
