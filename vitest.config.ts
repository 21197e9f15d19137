import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, or waits longest, in this order: begun last it would keep one processor busy and the rest idle. */
const FIRST = [
  '/test/http/server.',
  '/test/http/download.',
  '/test/dracut-modules/',
  '/test/artifacts/',
  '/test/images/',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => [...FIRST, ''].findIndex((part) => moduleId.includes(part));
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/{model,config,dhcp,tftp,nbd,ipxe-templates,artifacts,http,images,daemon,dracut-modules,cli,house,dashboard}/**/*.test.ts',
          ],
          // A last resort against hanging: on a busy machine five seconds are soon gone.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Some of them wait most of the time, for processes or for time to pass.
          maxWorkers: availableParallelism() * 2,
          // A process per worker in place of one per file.
          isolate: false,
        },
      },
      // Whole fleets in one process, by a clock of their own.
      {
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 300_000,
          maxWorkers: availableParallelism(),
        },
      },
      // What needs root: real clients and servers in network namespaces, dracut modules in an initrd of overlays.
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
