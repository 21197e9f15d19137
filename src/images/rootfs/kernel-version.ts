/** What a kernel's release looks like; it is shown to people and handed to programs as an argument. */
const VERSION = /^\d[\w.+~-]*$/;

/** How copies of folders end that somebody or a package manager left: a kernel's release does not. */
const LEFT_OVER = /[.-](?:old|bak|orig|save|backup|dpkg-\w+|rpm\w+)$|~$/;

/** Words in the releases of kernels that are no one's first choice: for finding faults, for crash dumps, of odd pages. */
const VARIANT = /[-+._](?:debug|dbg|kdump|rescue|recovery|rt\d*|realtime|16k|64k|zfcpdump)(?![a-z0-9])/;

/** Whether a folder of modules is called as a kernel's release is (`uname -r`). */
export function isVersion(name: string): boolean {
  return VERSION.test(name) && !LEFT_OVER.test(name);
}

/** Whether a kernel is a variant beside which a plain one is preferred, such as Fedora's `+debug`, Debian's `-rt`. */
export function isVariant(version: string): boolean {
  return VARIANT.test(version);
}

/** What a character weighs where no digits stand: a tilde less than the end, letters less than all else. */
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

/** Names of kernels without a version: of a flavour (Alpine's `lts`, Arch's `linux`), or of none at all. */
const FLAVOUR = /^(?:[a-z][a-z0-9]*(?:-[a-z0-9]+)*)?$/;
const NO_FLAVOUR = /(?:^|-)(?:old|bak|orig|save|backup|rescue|recovery|fallback|debug)(?:-|$)/;

/**
 * Whether `vmlinuz-FLAVOUR` belongs to a version: to the only one there is, or to the only one that ends in the flavour.
 * @param versions all that the image has modules of
 */
export function flavourFits(flavour: string, version: string, versions: readonly string[]): boolean {
  if (!FLAVOUR.test(flavour) || NO_FLAVOUR.test(flavour)) return false;
  const of = versions.filter((each) => each.endsWith(`-${flavour}`));
  return of.length > 0 ? of.length === 1 && of[0] === version : versions.length === 1;
}
