import { BadImage } from '../oci/oci-image.ts';
import { printable } from '../tar/tar-entry.ts';
import { KIND_BYTES, noKernel } from '../tools/file-kind.ts';
import { contentStart, type FileTree } from './flatten.ts';
import { compareVersions, flavourFits, isVariant, isVersion } from './kernel-version.ts';
import { type Content, listNames, lookUp, type Tree } from './tree.ts';

/** A kernel in an image. */
export interface Kernel {
  /** Its release (`uname -r`), the name of its folder of modules. */
  readonly version: string;
  /** Its path in the image. */
  readonly path: string;
  readonly content: Content;
}

const MODULES = ['usr/lib/modules', 'lib/modules'];

/** The versions that an image has modules of, best first. */
function listVersions(tree: Tree): readonly string[] {
  const folders = MODULES.flatMap((folder) =>
    listNames(tree, folder).filter((name) => lookUp(tree, `${folder}/${name}`)?.type === 'directory'),
  );
  return [...new Set(folders)]
    .filter(isVersion)
    .sort((a, b) => Number(isVariant(a)) - Number(isVariant(b)) || compareVersions(b, a));
}

/** Possible paths of a version's kernel: bootc's before /boot, names without a version last. */
function kernelPaths(tree: Tree, version: string, versions: readonly string[]): readonly string[] {
  const flavours = listNames(tree, 'boot').filter((name) => {
    const flavour = /^vmlinuz(?:-(.+))?$/.exec(name);
    return flavour && flavourFits(flavour[1] ?? '', version, versions);
  });
  return [
    ...MODULES.map((folder) => `${folder}/${version}/vmlinuz`),
    ...['vmlinuz', 'Image', 'vmlinux'].map((name) => `boot/${name}-${version}`),
    ...flavours.map((name) => `boot/${name}`),
  ];
}

/** The kernels of an image, one of each version, best first; `others` describes files in their place that are none. */
async function findKernels({ layers, tree }: FileTree): Promise<{ kernels: Kernel[]; others: string[] }> {
  const kernels: Kernel[] = [];
  const others: string[] = [];
  const versions = listVersions(tree);
  for (const version of versions) {
    for (const path of kernelPaths(tree, version, versions)) {
      const inode = lookUp(tree, path);
      if (inode?.type !== 'file') continue;
      const other = noKernel(await contentStart(layers, inode.content, KIND_BYTES));
      if (other === undefined) {
        kernels.push({ version, path, content: inode.content });
        break;
      }
      others.push(`/${printable(path)} is ${other}`);
    }
  }
  return { kernels, others };
}

/**
 * The kernel to boot: the newest, plain ones before those for debugging and the like, or the one that was asked for.
 * @throws BadImage with what to do where there is none
 */
export async function pickKernel(files: FileTree, version?: string): Promise<Kernel> {
  const { kernels, others } = await findKernels(files);
  const why = others.length > 0 ? ` (${others.slice(0, 5).join(', ')})` : '';
  if (version !== undefined) {
    const asked = kernels.find((kernel) => kernel.version === version);
    if (asked) return asked;
    const there = kernels.map((kernel) => kernel.version).join(', ') || 'none';
    throw new BadImage(`the image has no kernel ${version}; it has: ${there}${why}`);
  }
  const newest = kernels[0];
  if (newest) return newest;
  throw new BadImage(
    `the image has no kernel in /usr/lib/modules/VERSION/vmlinuz, and none in /boot/vmlinuz-VERSION with modules in ` +
      `/usr/lib/modules/VERSION${why}: install one in the image, such as linux-image-amd64 (Debian), ` +
      'linux-image-generic (Ubuntu) or kernel-core (Fedora)',
  );
}
