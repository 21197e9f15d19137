import { describe, expect, it } from 'vitest';
import { memoryNeeded } from '../../src/images/store/manifest.ts';
import { formatBytes, showProgress } from '../../src/images/tools/progress.ts';

function watched(terminal: boolean) {
  let now = 0;
  const printed: string[] = [];
  const progress = showProgress({ print: (text) => printed.push(text), terminal, monotonic: () => now });
  return { progress, printed, pass: (milliseconds: number) => (now += milliseconds) };
}

describe('progress', () => {
  it('is a line for each stage in a log, with bytes and rate', async () => {
    const { progress, printed, pass } = watched(false);
    const result = await progress.stage('writing rootfs.squashfs', 4e6, async (advance) => {
      pass(1000);
      advance(2e6);
      pass(1000);
      advance(2e6);
      expect(printed).toEqual([]);
      return 'result';
    });
    expect(result).toBe('result');
    expect(printed).toEqual(['writing rootfs.squashfs: 2.0 s, 4.0 MB, 2.0 MB/s\n']);
  });

  it('is a bar on a terminal, redrawn ten times a second at most', async () => {
    const { progress, printed, pass } = watched(true);
    await progress.stage('writing', 1000, async (advance) => {
      for (let i = 0; i < 100; i++) {
        pass(10);
        advance(5);
      }
      expect(printed.length).toBeLessThanOrEqual(11);
      expect(printed.at(-1)).toBe('\r\x1b[Kwriting [############............] 1 kB of 1 kB, 1 kB/s');
    });
    expect(printed.at(-1)).toBe('\r\x1b[Kwriting: 1.0 s, 1 kB, 1 kB/s\n');
  });

  it('says nothing of bytes where none were counted', async () => {
    const { progress, printed } = watched(false);
    await progress.stage('reading', undefined, async () => {});
    expect(printed).toEqual(['reading: 0.0 s\n']);
  });

  it.each([
    [0, '0 kB'],
    [1, '1 kB'],
    [999_000, '999 kB'],
    [1_500_000, '1.5 MB'],
    [15_000_000, '15 MB'],
    [1_234_000_000, '1.23 GB'],
  ])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

it('the memory that a node needs grows with what the root keeps in it', () => {
  const needed = (['squashfs', 'tar.zst', 'oci'] as const).map((kind) => memoryNeeded(kind, 50e6, 180e6, 20e6));
  expect([...needed].sort((a, b) => a - b)).toEqual(needed);
});
