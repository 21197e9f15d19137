import type { Built } from '../../images/builder/build-image.ts';
import type { BuiltImage } from '../../images/store/image-list.ts';
import type { BuiltFile } from '../../images/store/manifest.ts';
import { formatBytes } from '../../images/tools/progress.ts';
import { formatTable } from '../table.ts';

/** Memory for people, rounded up. */
function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / (1024 * 1024))} MiB`;
}

const ORIGINS = { own: "the image's own", dracut: 'made by dracut', given: 'given' };

const SECURE_BOOT: Readonly<Record<NonNullable<Built['loader']>, string>> = {
  'shim and GRUB': "the image's shim, GRUB and kernel, which are signed: Secure Boot can stay on",
  'systemd-boot': 'systemd-boot, which is not signed: Secure Boot has to be off',
};

/** All details of a build, for people. */
export function formatImage(
  name: string,
  { id, manifest, same, loader, notes = [] }: Pick<Built, 'id' | 'manifest'> & Partial<Built>,
): string {
  const { kernel, initrd, roots, source, unpacked, architecture } = manifest;
  const row = ({ file, size, sha256 }: BuiltFile, more: string) => [
    ...[file, formatBytes(size), `sha256:${sha256.slice(0, 16)}`],
    more,
  ];
  return [
    `${name}: ${id.slice(0, 16)}${same ? ', as it was before' : ''}\n`,
    `source ${source.digest}, ${architecture}, ${formatBytes(unpacked)} unpacked\n`,
    formatTable([
      row(kernel, `kernel ${kernel.version}`),
      row(initrd, initrd.builder ? 'made by dracut of the builder' : ORIGINS[initrd.from]),
      ...Object.values(roots).map((root) => row(root, `a node needs about ${mebibytes(root.memory)}`)),
    ]),
    loader === undefined ? '' : `media boot by ${SECURE_BOOT[loader]}\n`,
    ...notes.map((note) => `note: ${note}\n`),
  ].join('');
}

/** Built images, a line each. */
export function formatImages(images: readonly BuiltImage[]): string {
  if (images.length === 0) return 'no images: make one with "slipway image build"\n';
  return formatTable([
    ['NAME', 'BUILD', 'ARCH', 'KERNEL', 'SIZE', 'ROOTS'],
    ...images.map(({ name, id, manifest: { architecture, kernel, initrd, roots } }) => [
      ...[name, id.slice(0, 16), architecture, kernel.version],
      formatBytes([kernel, initrd, ...Object.values(roots)].reduce((sum, { size }) => sum + size, 0)),
      Object.keys(roots).join(','),
    ]),
  ]);
}
