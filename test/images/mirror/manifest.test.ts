import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readManifest } from '../../../src/images/mirror/manifest.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const OCI = 'application/vnd.oci.image';
const read = (json: unknown) => readManifest(Buffer.from(JSON.stringify(json)));

describe('a manifest', () => {
  it('has the digest of its bytes, and the sizes of what it names', () => {
    const json = {
      mediaType: `${OCI}.manifest.v1+json`,
      config: { digest: digest('a'), size: 1 },
      layers: [{ digest: digest('b'), size: 2 }, { digest: digest('c') }, { digest: 'md5:x', size: 3 }, null],
    };
    const text = JSON.stringify(json);
    expect(readManifest(Buffer.from(text))).toEqual({
      manifest: { digest: createHash('sha256').update(text).digest('hex'), mediaType: json.mediaType, text },
      sizes: new Map([
        ['a'.repeat(64), 1],
        ['b'.repeat(64), 2],
      ]),
    });
  });

  it('may be an index', () => {
    const found = read({ manifests: [{ digest: digest('a'), size: 5 }] });
    expect([found?.manifest.mediaType, found?.sizes]).toEqual([`${OCI}.index.v1+json`, new Map([['a'.repeat(64), 5]])]);
  });

  it('need not say what it is', () => {
    expect(read({ config: {}, layers: [] })?.manifest.mediaType).toBe(`${OCI}.manifest.v1+json`);
  });

  it.each([
    [null],
    [7],
    [[]],
    [{}],
    [{ config: {} }],
    [{ layers: [] }],
    [{ config: {}, layers: [], mediaType: 'text/html' }],
    [{ config: {}, layers: [], mediaType: 'application/vnd.docker.distribution.manifest.v1+json' }],
    [{ config: {}, layers: [], mediaType: 'a\r\nb' }],
  ])('is not %j', (json) => {
    expect(read(json)).toBeUndefined();
  });

  it.each(['<html>', '{', '\u00ff'])('is not %j', (text) => {
    expect(readManifest(Buffer.from(text, 'latin1'))).toBeUndefined();
  });
});
