import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { fetchImage } from '../../src/images/store/fetch-image.ts';
import { createTools } from '../../src/images/tools/tool-run.ts';
import { MISDEEDS, type Misbehave, startHostileRegistry } from '../support/hostile-registry.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function fetching(misbehave: Misbehave, token = false) {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-hostile-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const registry = await startHostileRegistry([{ name: 'etc/motd', content: 'hello' }], misbehave, token);
  cleanups.push(registry.stop);
  const [work, blobs] = [join(folder, 'work'), join(folder, 'blobs')];
  await mkdir(work);
  const image = fetchImage({
    source: { kind: 'skopeo', reference: `docker://${registry.host}/boot/node:v1` },
    ...{ blobs, work, architecture: 'amd64', insecure: true, progress: () => {}, patienceMs: 2000 },
    tools: createTools({ PATH: process.env.PATH, HOME: folder }),
  });
  return { image, blobs };
}

describe('a registry with', () => {
  test.each([[false], [true]])('nothing wrong gives its image; a token is wanted: %s', async (token) => {
    const { image } = await fetching(() => false, token);
    expect((await image).layers).toHaveLength(1);
  });

  test.each(MISDEEDS)('$name is an error in time', { timeout: 30_000 }, async ({ name, misbehave, token }) => {
    const { image, blobs } = await fetching(misbehave, token);
    await expect(image).rejects.toThrow(/never comes|stops|never answers/.test(name) ? /for 2 s/ : /./);
    // Nothing of the layer is kept for the next build.
    if (name.includes('a layer')) expect((await readdir(join(blobs, 'sha256'))).length).toBeLessThan(2);
  });
});
