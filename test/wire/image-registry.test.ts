import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtImage } from '../support/built-image.ts';
import { createLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import { must, type Running } from '../support/process.ts';

const HOST = `${SERVER_ADDRESS}:8080`;
const BASE = `http://${HOST}/v2`;
const config = (workers: number, registry: boolean) => `
server: { interface: eth0, http: { workers: ${workers} }, tftp: false, dhcp: { mode: off }, registry: ${registry} }
artifacts: ./artifacts
`;
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

describe.each([1, 2])('the registry, served by %i process(es)', (workers) => {
  let lab: Lab;
  let daemon: Running;
  let artifacts: string;

  beforeAll(async () => {
    lab = await createLab(config(workers, true));
    artifacts = join(lab.folder, 'artifacts');
    await mkdir(artifacts);
    await builtImage(artifacts, 'os', [[{ name: 'big', content: 'x'.repeat(3_000_000) }]]);
    daemon = await lab.serve();
  });
  afterAll(async () => {
    await daemon.stop('SIGKILL');
    await lab.destroy();
  });

  const inClient = (command: string, ...args: readonly string[]) => lab.network.must('client', command, args);
  const curl = (...args: readonly string[]) => inClient('curl', '-sS', '--path-as-is', ...args);
  const skopeo = (...args: readonly string[]) => inClient('skopeo', '--insecure-policy', ...args);
  const json = async (path: string) => JSON.parse(await curl(`${BASE}/${path}`));

  it('gives skopeo the image that was built, by tag and by digest', async () => {
    const image = `docker://${HOST}/os`;
    const inspected = JSON.parse(await skopeo('inspect', '--tls-verify=false', `${image}:latest`));
    expect(inspected).toMatchObject({ Architecture: 'amd64', RepoTags: ['latest'] });
    const targets = ['tag', 'digest', 'archive'].map((name) => `oci:${lab.folder}/${name}:x`);
    const [tag = '', digest = '', archive = ''] = targets;
    await skopeo('copy', '-q', '--src-tls-verify=false', `${image}:latest`, tag);
    await skopeo('copy', '-q', '--src-tls-verify=false', `${image}@${inspected.Digest}`, digest);
    await must('skopeo', ['--insecure-policy', 'copy', '-q', `oci-archive:${artifacts}/os/root.oci:latest`, archive]);
    const raw = await Promise.all(targets.map((target) => must('skopeo', ['inspect', '--raw', target])));
    expect(new Set(raw)).toHaveLength(1);
    expect(`sha256:${sha256(raw[0] ?? '')}`).toBe(inspected.Digest);
    const unknown = await lab.network.start('client', 'skopeo', [
      ...['inspect', '--tls-verify=false', `docker://${HOST}/other:latest`],
    ]).exit;
    expect(unknown.stderr).toContain('manifest unknown');
  });

  it('answers as the specification says', async () => {
    expect(await curl('-i', `${BASE}/`)).toMatch(/200 OK[\s\S]*docker-distribution-api-version: registry\/2\.0/i);
    expect(await json('os/tags/list')).toEqual({ name: 'os', tags: ['latest'] });
    expect(await json('_catalog')).toEqual({ repositories: ['os'] });
    const head = await curl('-I', `${BASE}/os/manifests/latest`);
    const [, digest] = /docker-content-digest: (\S+)/i.exec(head) ?? [];
    expect(head).toMatch(/content-type: application\/vnd\.oci\.image\.manifest\.v1\+json/i);
    const text = await curl(`${BASE}/os/manifests/${digest}`);
    expect([sha256(text), head]).toEqual([
      digest?.slice(7),
      expect.stringMatching(new RegExp(`content-length: ${text.length}\\r`, 'i')),
    ]);
    const { layers } = JSON.parse(text) as { layers: { digest: string; size: number }[] };
    const layer = layers.at(-1);
    const file = join(lab.folder, 'blob');
    await curl('-o', file, `${BASE}/os/blobs/${layer?.digest}`);
    const whole = await readFile(file);
    expect([whole.length, `sha256:${sha256(whole)}`]).toEqual([layer?.size, layer?.digest]);
    const part = await curl('-i', '-r', '600-610', `${BASE}/os/blobs/${layer?.digest}`);
    expect(part).toMatch(/206 Partial/);
    expect(part).toContain(`bytes 600-610/${whole.length}`);
    expect(await curl('-I', `${BASE}/os/blobs/${layer?.digest}`)).toContain(String(whole.length));
  });

  it.each([
    ['other/manifests/latest', 404, 'MANIFEST_UNKNOWN'],
    ['os/manifests/1.0', 404, 'MANIFEST_UNKNOWN'],
    [`os/manifests/sha256:${'0'.repeat(64)}`, 404, 'MANIFEST_UNKNOWN'],
    [`os/blobs/sha256:${'0'.repeat(64)}`, 404, 'BLOB_UNKNOWN'],
    [`other/blobs/sha256:${'0'.repeat(64)}`, 404, 'NAME_UNKNOWN'],
    ['os/blobs/sha256:..%2F..%2Fx', 404, 'NAME_UNKNOWN'],
    ['os/manifests/..%2F..%2F..%2Fetc%2Fpasswd', 404, 'NAME_UNKNOWN'],
    ['..%2Fos/tags/list', 404, 'NAME_UNKNOWN'],
    ['../os/tags/list', 404, 'NAME_UNKNOWN'],
    ['.images/tags/list', 404, 'NAME_UNKNOWN'],
    ['os%00/tags/list', 404, 'NAME_UNKNOWN'],
    ['__proto__/tags/list', 404, 'NAME_UNKNOWN'],
    ['other/tags/list', 404, 'NAME_UNKNOWN'],
    ['os/tags/more', 404, 'NAME_UNKNOWN'],
    ['%ff', 404, 'NAME_UNKNOWN'],
    ['a/b/c/manifests/latest', 404, 'MANIFEST_UNKNOWN'],
    [`${'a'.repeat(3000)}/manifests/latest`, 404, 'NAME_UNKNOWN'],
  ])('refuses %s with %i %s', async (path, status, code) => {
    const answer = await curl('-w', '\n%{http_code}', `${BASE}/${path}`);
    const [body = '', found] = answer.split('\n');
    expect([Number(found), JSON.parse(body)]).toEqual([status, { errors: [expect.objectContaining({ code })] }]);
  });

  it('takes nothing', async () => {
    const answer = await curl('-i', '-X', 'POST', `${BASE}/os/blobs/uploads/`);
    expect(answer).toMatch(/405[\s\S]*allow: GET, HEAD[\s\S]*UNSUPPORTED/i);
  });

  it('stays readable by digest when the image is built anew, and is there only while it is configured', async () => {
    const before = await curl(`${BASE}/os/manifests/latest`);
    await builtImage(artifacts, 'os', [[{ name: 'small', content: 'y' }]]);
    expect(await curl(`${BASE}/os/manifests/latest`)).not.toBe(before);
    expect(await curl(`${BASE}/os/manifests/sha256:${sha256(before)}`)).toBe(before);
    const { layers } = JSON.parse(before) as { layers: { digest: string }[] };
    const blob = `${BASE}/os/blobs/${layers.at(-1)?.digest}`;
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', blob)).toBe('200');
    await writeFile(lab.configFile, config(workers, false));
    await daemon.until(/"event":"config.loaded"/);
    for (const path of ['', 'os/manifests/latest', `os/blobs/${layers.at(-1)?.digest}`]) {
      expect(await curl('-w', '%{http_code}', `${BASE}/${path}`)).toBe('no such path\n404');
    }
  });
});
