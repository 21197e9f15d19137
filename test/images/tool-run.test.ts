import { describe, expect, it } from 'vitest';
import { createTools } from '../../src/images/tools/tool-run.ts';

describe('a program with bounds', () => {
  const tools = createTools(process.env);

  it('is ended when its time is over', async () => {
    await expect(tools.run('sleep', ['60'], { seconds: 0.1 })).rejects.toThrow(
      'sleep was ended: it took more than 0.1 seconds',
    );
  });

  it('is ended when it says too much', async () => {
    await expect(tools.run('cat', ['/dev/zero'], { maxOutput: 100_000 })).rejects.toThrow(
      'cat was ended: it said more than 100000 bytes',
    );
    await expect(tools.run('echo', ['few words'], { maxOutput: 100, seconds: 60 })).resolves.toBe('few words\n');
  });
});
