import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openInside } from '../../src/artifacts/open-file.ts';
import type { HttpDeps } from '../../src/http/deps.ts';
import { registryRoute } from '../../src/http/registry.ts';
import { createChunkSender } from '../../src/http/send-chunks.ts';
import { createServeFile } from '../../src/http/serve-file.ts';
import { type HttpServer, startHttp } from '../../src/http/server.ts';
import { placesOf } from '../../src/images/atomic-folder.ts';
import { buildImage } from '../../src/images/build-image.ts';
import { NO_PROGRESS } from '../../src/images/progress.ts';
import { createServedImages } from '../../src/images/served-images.ts';
import { createTools } from '../../src/images/tool-run.ts';
import { BOOT, writeLayout } from '../support/image-source.ts';
import { must, run } from '../support/process.ts';

let folder: string;
let artifacts: string;
let server: HttpServer;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-registry-'));
  artifacts = join(folder, 'artifacts');
  await mkdir(artifacts);
  await writeLayout(join(folder, 'oci'), [BOOT, [{ name: 'big', content: 'x'.repeat(3_000_000) }]]);
  const source = { kind: 'skopeo', reference: `oci:${folder}/oci` } as const;
  const rest = {
    architecture: undefined,
    insecure: false,
    kernel: undefined,
    initrd: undefined,
    uki: undefined,
    epoch: undefined,
  };
  const tools = createTools(process.env);
  await buildImage(
    { artifacts, name: 'os', source, roots: ['oci'], ...rest },
    { tools, progress: NO_PROGRESS, now: Date.now },
  );
  const deps = { record: () => {}, now: Date.now } as unknown as HttpDeps;
  const images = createServedImages(placesOf(artifacts), (path) => openInside(artifacts, path));
  const app = express().use('/v2', registryRoute(deps, createServeFile(deps, createChunkSender(64 << 20)), images));
  server = await startHttp({ port: 0, host: '127.0.0.1', app });
  url = `http://127.0.0.1:${server.port}/v2`;
});
afterAll(async () => {
  await server.stop(0);
  await rm(folder, { recursive: true, force: true });
});

describe('the registry', () => {
  it('is read by skopeo, and gives the image that was built', async () => {
    const image = `docker://127.0.0.1:${server.port}/os:latest`;
    const inspected = JSON.parse(await must('skopeo', ['inspect', '--tls-verify=false', image]));
    expect(inspected).toMatchObject({ Architecture: 'amd64', RepoTags: ['latest'] });
    await must('skopeo', ['copy', '-q', '--src-tls-verify=false', image, `oci:${folder}/pulled:x`]);
    await must('skopeo', ['copy', '-q', `oci-archive:${artifacts}/os/root.oci:latest`, `oci:${folder}/archive:x`]);
    const digests = await Promise.all(
      ['pulled', 'archive'].map((name) => must('skopeo', ['inspect', '--raw', `oci:${folder}/${name}:x`])),
    );
    expect(digests[0]).toBe(digests[1]);
    const unknown = await run('skopeo', [
      'inspect',
      '--tls-verify=false',
      `docker://127.0.0.1:${server.port}/other:latest`,
    ]);
    expect(unknown.stderr).toContain('manifest unknown');
  });

  it('answers as the specification says', async () => {
    const root = await fetch(`${url}/`);
    expect([root.status, root.headers.get('docker-distribution-api-version')]).toEqual([200, 'registry/2.0']);
    expect(await (await fetch(`${url}/os/tags/list`)).json()).toEqual({ name: 'os', tags: ['latest'] });
    expect(await (await fetch(`${url}/_catalog`)).json()).toEqual({ repositories: ['os'] });
    const head = await fetch(`${url}/os/manifests/latest`, { method: 'HEAD' });
    const digest = head.headers.get('docker-content-digest');
    const manifest = await fetch(`${url}/os/manifests/${digest}`);
    expect(manifest.headers.get('content-type')).toBe('application/vnd.oci.image.manifest.v1+json');
    const { layers } = (await manifest.json()) as { layers: { digest: string; size: number }[] };
    expect(head.headers.get('content-length')).toBe(manifest.headers.get('content-length'));
    const [layer] = layers.slice(-1);
    const blob = `${url}/os/blobs/${layer?.digest}`;
    const whole = Buffer.from(await (await fetch(blob)).arrayBuffer());
    expect(whole.length).toBe(layer?.size);
    const part = await fetch(blob, { headers: { Range: 'bytes=10-19' } });
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, whole.subarray(10, 20)]);
  });

  it.each([
    ['other/manifests/latest', 404, 'MANIFEST_UNKNOWN'],
    ['os/manifests/1.0', 404, 'MANIFEST_UNKNOWN'],
    [`os/manifests/sha256:${'0'.repeat(64)}`, 404, 'MANIFEST_UNKNOWN'],
    [`os/blobs/sha256:${'0'.repeat(64)}`, 404, 'BLOB_UNKNOWN'],
    ['os/blobs/sha256:..%2F..%2Fx', 404, 'NAME_UNKNOWN'],
    ['..%2Fos/tags/list', 404, 'NAME_UNKNOWN'],
    ['other/tags/list', 404, 'NAME_UNKNOWN'],
    ['os/tags/more', 404, 'NAME_UNKNOWN'],
    ['%ff', 404, 'NAME_UNKNOWN'],
    ['a/b/c/manifests/latest', 404, 'NAME_UNKNOWN'],
  ])('refuses %s with %i %s', async (path, status, code) => {
    const response = await fetch(`${url}/${path}`);
    expect([response.status, await response.json()]).toEqual([status, { errors: [expect.objectContaining({ code })] }]);
  });

  it('takes nothing', async () => {
    const response = await fetch(`${url}/os/blobs/uploads/`, { method: 'POST' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});
