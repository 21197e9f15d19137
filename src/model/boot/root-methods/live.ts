import { source } from '../yaml-shapes.ts';
import { FILESYSTEM_FILES, flag, rootMethod } from './root-method.ts';

/** `dracut-modules/90slipway-live`, and after it dracut's own dmsquash-live (dracut.cmdline(7), "Booting live images"). */
export const live = rootMethod({
  name: 'live',
  summary: [
    'squashfs, EROFS or ISO image',
    "dracut's own dmsquash-live, after a verified download",
    'writable',
    'you need its `rd.live.*` options',
  ],
  source: source('The squashfs, EROFS or ISO image'),
  keys: {
    readonly: flag('Whether a persistent overlay is left as it is (rd.live.overlay.readonly).', false),
    ram: flag('Whether the image is copied into memory once more (rd.live.ram).', false),
  },
  form: 'file',
  buildFiles: FILESYSTEM_FILES,
  reads: { expected: 'a squashfs, EROFS or ISO image', kinds: ['squashfs', 'EROFS', 'ISO 9660', 'ext4'] },
  modules: () => ['slipway-live'],
  memoryNeeded: ({ ram }, { bytes }) => (ram ? 2 : 1) * bytes,
  args: ({ url, readonly, ram }) => [
    `root=live:${url} rd.live.image rd.live.overlay.overlayfs=1`,
    readonly && 'rd.live.overlay.readonly=1',
    ram && 'rd.live.ram=1',
  ],
});
