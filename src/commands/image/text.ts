import type { Built } from '../../images/builder/build-image.ts';
import type { LoaderKind } from '../../images/media/write-media.ts';
import type { BuildManifest, BuiltFile } from '../../images/store/manifest.ts';
import { formatBytes } from '../../images/tools/progress.ts';

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ')}\n`)
    .join('');
}

/** A size of memory for people, rounded up. */
function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / (1024 * 1024))} MiB`;
}

const ORIGINS = { own: "the image's own", dracut: 'made by dracut', given: 'given' };

/** All of a build, for people. */
export function formatImage(
  name: string,
  { id, manifest, same, loader, notes = [] }: Pick<Built, 'id' | 'manifest'> & Partial<Built>,
): string {
  const { kernel, initrd, roots, source, unpacked, architecture } = manifest;
  const row = ({ file, size, sha256 }: BuiltFile, more = '') => [
    file,
    formatBytes(size),
    `sha256:${sha256.slice(0, 16)}`,
    more,
  ];
  return [
    `${name}: ${id.slice(0, 16)}${same ? ', as it was before' : ''}\n`,
    `source ${source.digest}, ${architecture}, ${formatBytes(unpacked)} unpacked\n`,
    columns([
      row(kernel, `kernel ${kernel.version}`),
      row(initrd, initrd.builder ? 'made by dracut of the builder' : ORIGINS[initrd.from]),
      ...Object.values(roots).map((root) => row(root, `a node needs about ${megabytes(root.memory)}`)),
    ]),
    loader === undefined ? '' : `media boot by ${SECURITY[loader]}\n`,
    ...notes.map((note) => `note: ${note}\n`),
  ].join('');
}

const SECURITY: Readonly<Record<LoaderKind, string>> = {
  'shim and GRUB': "the image's shim, GRUB and kernel, which are signed: Secure Boot can stay on",
  'systemd-boot': 'systemd-boot, which is not signed: Secure Boot has to be off',
};

/** Built images, a line each. */
export function formatImages(
  images: readonly { readonly name: string; readonly id: string; readonly manifest: BuildManifest }[],
): string {
  if (images.length === 0) return 'no images: make one with "slipway image build"\n';
  return columns([
    ['NAME', 'BUILD', 'ARCH', 'KERNEL', 'SIZE', 'ROOTS'],
    ...images.map(({ name, id, manifest: { architecture, kernel, initrd, roots } }) => [
      name,
      id.slice(0, 16),
      architecture,
      kernel.version,
      formatBytes([kernel, initrd, ...Object.values(roots)].reduce((sum, { size }) => sum + size, 0)),
      Object.keys(roots).join(','),
    ]),
  ]);
}
