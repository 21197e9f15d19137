import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { imageConfig, rootsInUse } from '../../src/commands/image/config.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-image-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function rootsOf(yaml: string): Promise<readonly string[]> {
  await writeFile(join(folder, 'c.yaml'), yaml);
  return rootsInUse(await imageConfig(join(folder, 'c.yaml')), 'os');
}
const NODE = 'nodes: { n001: { mac: 52:54:00:00:00:01, image: IMAGE } }';

describe('the roots that are built unless told otherwise', () => {
  it.each([
    ['images: { a: { build: os, root: { method: live } } }', ['squashfs']],
    ['images: { a: { build: os, root: { method: image } } }', ['squashfs']],
    ['images: { a: { build: os, root: { method: container-root } } }', ['tar.zst']],
    ['images: { a: { build: os, root: { method: bootc-live } } }', ['oci']],
    ['images: { a: { kernel: k, root: { method: live, source: os/rootfs.erofs } } }', ['erofs']],
    ['images: { a: { build: os } }', ['oci']],
    ['images: { a: { build: other, root: { method: live } } }', ['oci']],
  ])('are what machines boot of the image: %s', async (images, expected) => {
    expect(await rootsOf(`${images}\n${NODE.replace('IMAGE', 'a')}`)).toEqual(expected);
  });

  it('may be asked for before the image that a machine names is there', async () => {
    expect(await rootsOf(NODE.replace('IMAGE', 'os'))).toEqual(['oci']);
  });
});
