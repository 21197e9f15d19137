import { artifact } from '../yaml-shapes.ts';
import { FILESYSTEM_FILES, rootMethod } from './root-method.ts';

/** `dracut-modules/90slipway-nbd`. */
export const lazy = rootMethod({
  name: 'lazy',
  summary: [
    'squashfs or EROFS',
    'stays on the server; each block is checked when it is read; a writable overlay',
    'writable',
    'memory is shorter still, images are big, or many nodes start at once, and nodes can rely on the server',
  ],
  source: artifact('The squashfs or EROFS image'),
  keys: {},
  form: 'tree',
  buildFiles: FILESYSTEM_FILES,
  reads: { expected: 'a squashfs or EROFS image', kinds: ['squashfs', 'EROFS'] },
  modules: () => ['slipway-nbd'],
  // The programs that keep the connection: 12 MB with Debian 12, 13 MB with Debian 13.
  memoryNeeded: () => 13e6,
  args: ({ nbd, verity }) => [`root=slipway+nbd:${nbd}`, `slipway.verity=${verity}`],
});
