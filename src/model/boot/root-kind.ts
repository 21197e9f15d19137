/** The file of each form in which `slipway image build` writes a root file system. */
export const ROOT_FILES = {
  squashfs: 'rootfs.squashfs',
  erofs: 'rootfs.erofs',
  'tar.zst': 'rootfs.tar.zst',
  oci: 'root.oci',
} as const;

export type RootKind = keyof typeof ROOT_FILES;

export const ROOT_KINDS = Object.keys(ROOT_FILES) as readonly RootKind[];
