import { source } from '../yaml-shapes.ts';
import { FILESYSTEM_FILES, rootMethod, size, sizeArg } from './root-method.ts';

/** `dracut-modules/90slipway-image`. */
export const image = rootMethod({
  name: 'image',
  summary: [
    'squashfs or EROFS',
    'kept in memory as it is, with a writable overlay',
    'writable',
    'memory and time count: it needs the least of both, of the methods that hold the whole image in memory',
  ],
  source: source('The squashfs or EROFS image'),
  keys: { size: size('The most that changes may take in memory, as tmpfs counts it. Default: 50%.') },
  form: 'file',
  buildFiles: FILESYSTEM_FILES,
  reads: { expected: 'a squashfs or EROFS image', kinds: ['squashfs', 'EROFS'] },
  modules: () => ['slipway-image'],
  memoryNeeded: (_root, { bytes }) => bytes,
  args: (root) => [`root=slipway:${root.url}`, sizeArg(root.size)],
});
