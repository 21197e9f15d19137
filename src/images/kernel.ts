import { BadImage } from './oci-image.ts';
import { printable } from './tar-entry.ts';
import { type Content, listNames, lookUp, type Tree } from './tree.ts';

/** A kernel that an image has. */
export interface Kernel {
  /** What `uname -r` will say: the name of its folder of modules. */
  readonly version: string;
  /** Its path in the image. */
  readonly path: string;
  readonly content: Content;
}

/** Compares versions as people do: runs of digits by their number, all else by character; a tilde before all. */
export function compareVersions(a: string, b: string): number {
  const parts = (text: string) => text.match(/\d+|[^\d]+/g) ?? [];
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [x, y] = [left[i] ?? '', right[i] ?? ''];
    if (x === y) continue;
    if (x.startsWith('~') || y.startsWith('~')) return x.startsWith('~') ? -1 : 1;
    const numbers = /^\d/.test(x) && /^\d/.test(y) ? Number(x) - Number(y) : 0;
    if (numbers !== 0) return numbers;
    return x < y ? -1 : 1;
  }
  return 0;
}

/** All kernels of an image, the newest first: bootc's place goes before /boot. */
export function findKernels(tree: Tree): readonly Kernel[] {
  const kernels = new Map<string, Kernel>();
  const add = (version: string, path: string) => {
    // It is shown to people and handed to programs as an argument.
    if (!/^\w[\w.+~-]*$/.test(version)) return;
    const inode = lookUp(tree, path);
    if (inode?.type === 'file' && !kernels.has(version)) {
      kernels.set(version, { version, path, content: inode.content });
    }
  };
  for (const folder of ['usr/lib/modules', 'lib/modules']) {
    for (const version of listNames(tree, folder)) add(version, `${folder}/${version}/vmlinuz`);
  }
  for (const name of listNames(tree, 'boot')) {
    const match = /^(?:vmlinuz|vmlinux|Image)-(.+)$/.exec(name);
    // Fedora's rescue kernel is a copy of another and has no modules of its own.
    if (match?.[1] && !match[1].includes('rescue')) add(match[1], `boot/${name}`);
  }
  return [...kernels.values()].sort((a, b) => compareVersions(b.version, a.version));
}

/**
 * The kernel to boot: the newest, or the one that was asked for.
 * @throws BadImage with what to do where there is none
 */
export function pickKernel(tree: Tree, version?: string): Kernel {
  const kernels = findKernels(tree);
  if (version !== undefined) {
    const asked = kernels.find((kernel) => kernel.version === version);
    if (asked) return asked;
    const there = kernels.map((kernel) => printable(kernel.version)).join(', ') || 'none';
    throw new BadImage(`the image has no kernel ${version}; it has: ${there}`);
  }
  const newest = kernels[0];
  if (newest) return newest;
  throw new BadImage(
    'the image has no kernel in /usr/lib/modules/*/vmlinuz or /boot/vmlinuz-*: install one in the image, ' +
      'such as linux-image-amd64 (Debian), linux-image-generic (Ubuntu) or kernel-core (Fedora)',
  );
}
