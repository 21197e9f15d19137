import { join } from 'node:path';
import { TOP } from './lab.ts';
import { start } from './process.ts';

/** Debian releases that images are built of: 12 has dracut 059, 13 has dracut-ng. */
export type Suite = 'bookworm' | 'trixie';

/** The artifacts folder of the lab; each suite has a folder below it. */
export const IMAGES = join(TOP, 'build/images');

/**
 * Builds a suite's image unless it is there already; takes a minute or two, and prints its stages if asked to.
 * @throws with the build's output if it fails
 */
export async function buildImage(suite: Suite, print?: (line: string) => void): Promise<void> {
  const build = start(join(TOP, 'scripts/build-image.sh'), [suite, join(IMAGES, suite)]);
  if (print) {
    for (const stream of [build.child.stdout, build.child.stderr]) {
      stream?.on('data', (chunk: string) => {
        for (const line of chunk.split('\n')) if (line.trim() !== '') print(line);
      });
    }
  }
  const { code, signal } = await build.exit;
  if (code !== 0) throw new Error(`building ${suite} failed (${code ?? signal}):\n${build.output.slice(-6000)}`);
}

/** The root methods of the lab, with the file of each. */
const ROOTS = {
  'bootc-live': 'root.oci, label: latest',
  'container-root': 'rootfs.tar.xz, size: 1G',
  image: 'rootfs.squashfs',
} as const;

export type LabMethod = keyof typeof ROOTS;
export const LAB_METHODS = Object.keys(ROOTS) as readonly LabMethod[];

/**
 * Kernel arguments of every machine of the lab. norandmaps: QEMU keeps what it translated of a page for each address that
 * the page was seen at, and then takes up to minutes to clear it; real machines do not.
 */
export const LAB_KERNEL_ARGS = ['console=ttyS0', 'norandmaps'] as const;
/** The same as YAML. */
export const LAB_ARGS = `[${LAB_KERNEL_ARGS.join(', ')}]`;

/** The `images:` entry of a suite and root method. */
export function imageYaml(suite: Suite, method: LabMethod): string {
  return `
  ${suite}-${method}:
    kernel: ${suite}/vmlinuz
    initrd: [${suite}/initrd.img]
    root: { method: ${method}, source: ${suite}/${ROOTS[method]} }
    args: ${LAB_ARGS}`;
}
