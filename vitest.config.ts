import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/{model,config,dhcp,tftp,nbd,ipxe-templates,artifacts,http,images,daemon,dracut-modules,cli,house}/**/*.test.ts',
          ],
          // A last resort against hanging: on a busy machine five seconds are soon gone.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      // Real clients and servers in network namespaces: root needed.
      {
        test: {
          name: 'wire',
          include: ['test/wire/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      // What takes too long for every run.
      {
        test: {
          name: 'slow',
          // Machines under emulation: more at once would only be slower each.
          maxConcurrency: 2,
          include: ['test/slow/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 1_200_000,
          fileParallelism: false,
        },
      },
      // Whole machines under QEMU, one at a time.
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 1_200_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
