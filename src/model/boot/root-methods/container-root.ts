import { ROOT_FILES } from '../root-kind.ts';
import { source } from '../yaml-shapes.ts';
import { ARCHIVE_KINDS, COMPOSED_ARCHIVE, inTmpfs, rootMethod, size, sizeArg } from './root-method.ts';

/** `dracut-modules/90container-root`. */
export const containerRoot = rootMethod({
  name: 'container-root',
  summary: [
    'tar archive (plain, gzip, xz, zstd) or OCI archive',
    'unpacked while it arrives',
    'writable',
    'you have a root tarball, or you come from dracut-container-root',
  ],
  source: source('The tar or OCI archive of the root file system'),
  keys: { size: size() },
  form: 'archive',
  buildFiles: [ROOT_FILES['tar.zst'], ROOT_FILES.oci, COMPOSED_ARCHIVE],
  reads: { expected: 'a tar or OCI archive', kinds: ARCHIVE_KINDS },
  modules: () => ['container-root'],
  memoryNeeded: (_root, { unpacked }) => inTmpfs(unpacked),
  args: (root) => [`rd.container.rootfs=${root.url}`, sizeArg(root.size)],
});
