import { rootMethod } from './root-method.ts';

export const none = rootMethod({
  name: 'none',
  summary: ['–', 'the initrd is the whole system', '–', 'installers, rescue systems'],
  keys: {},
  form: 'file',
  buildFiles: [],
  modules: () => [],
  memoryNeeded: () => 0,
  args: () => [],
});
