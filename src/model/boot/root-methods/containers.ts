import { rootMethod } from './root-method.ts';

/** Memory for the layers of small images, bytes; big ones belong on a cache device. */
const LAYERS = 64e6;

/** `dracut-modules/90slipway-containers`: no root at all, the initrd runs containers. */
export const containers = rootMethod({
  name: 'containers',
  summary: [
    'container images in registries',
    'the initrd runs a pipeline of containers, with no operating system on the node',
    '–',
    'jobs of a CI, gateways, anything that is a container already',
  ],
  keys: {},
  form: 'document',
  buildFiles: [],
  modules: () => ['slipway-containers'],
  memoryNeeded: () => LAYERS,
  args: ({ url }) => [`slipway.containers=${url}`],
});
