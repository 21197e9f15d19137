import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openStore } from '../../src/artifacts/store/store.ts';
import { openImageBlob } from '../../src/daemon/versions/archives.ts';

it("a registry's blob is opened only while its bytes are those of its name", async () => {
  const root = await mkdtemp(join(tmpdir(), 'slipway-blob-'));
  const store = await openStore({ root, record: () => {}, now: Date.now, monotonic: Date.now, settleMs: 20 });
  try {
    const digest = createHash('sha256').update('layer').digest('hex');
    const path = join(root, '.images/blobs/sha256', digest);
    await mkdir(join(root, '.images/blobs/sha256'), { recursive: true });
    const write = async (text: string) => {
      await writeFile(path, text);
      await utimes(path, 1_700_000_000, 1_700_000_000);
    };
    await write('layer');
    const good = await openImageBlob(store, digest);
    expect(good).toMatchObject({ ok: true, file: { digest } });
    if (good.ok) await good.file.close();
    await write('LAYER');
    expect(await openImageBlob(store, digest)).toMatchObject({ ok: false, reason: 'gone' });
    expect(await openImageBlob(store, '0'.repeat(64))).toMatchObject({ ok: false, reason: 'missing' });
  } finally {
    await store.close();
    await rm(root, { recursive: true });
  }
});
