import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeLayout } from '../support/image-source.ts';
import { createLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import { must, type Running } from '../support/process.ts';
import { type Registry, startRegistry } from '../support/registry.ts';

const REGISTRY = '192.0.2.30';
const HOST = `${SERVER_ADDRESS}:8080`;
const BASE = `http://${HOST}/v2/${REGISTRY}:5000`;
const CLIENTS = 20;
const config = (workers: number) => `
server:
  interface: eth0
  http: { workers: ${workers} }
  tftp: false
  dhcp: { mode: off }
  registry: { mirrors: { "${REGISTRY}:5000": { plain_http: true } }, tags_for: 1, limit: 1 GiB }
artifacts: ./artifacts
`;
const sha256 = (bytes: Uint8Array | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

describe.each([1, 2])('images of another registry, served by %i process(es)', (workers) => {
  let lab: Lab;
  let daemon: Running;
  let registry: Registry;

  beforeAll(async () => {
    lab = await createLab(config(workers));
    await lab.network.addHost('registry', `${REGISTRY}/24`);
    registry = await startRegistry(lab.network, lab.folder, 'registry');
    await push('node', 'v1', 20_000_000);
    await push('node', 'large', 20_000_000);
    await push('node', 'unseen', 1000);
    daemon = await lab.serve();
  });
  afterAll(async () => {
    await daemon.stop('SIGKILL');
    await lab.destroy();
  });

  /** Pushes an image whose layer does not shrink. */
  const push = async (name: string, tag: string, bytes: number) => {
    const layout = join(lab.folder, `${name}-${tag}-${bytes}`);
    const content = randomBytes(bytes).toString('base64');
    await writeLayout(layout, [[{ name: 'os-release', content: 'ID=test' }], [{ name: 'big', content }]]);
    await registry.push(`oci:${layout}`, `docker://${REGISTRY}:5000/boot/${name}:${tag}`);
  };
  const sh = (script: string) => lab.network.must('client', 'sh', ['-c', script]);
  const curl = (...args: readonly string[]) => lab.network.must('client', 'curl', ['-sS', '--fail', ...args]);
  const status = (url: string) => sh(`curl -s -o /dev/null -w '%{http_code}' '${url}'`);
  const skopeo = (...args: readonly string[]) => lab.network.must('client', 'skopeo', ['--insecure-policy', ...args]);
  const manifestOf = (reference: string) => curl(`${BASE}/boot/node/manifests/${reference}`);
  const layerOf = async (reference: string): Promise<Descriptor> =>
    JSON.parse(await manifestOf(reference)).layers.at(-1);
  const urlOf = ({ digest }: Descriptor) => `${BASE}/boot/node/blobs/${digest}`;
  const requests = (what: string) =>
    registry
      .log()
      .split('\n')
      .filter((line) => line.includes('"GET ') && line.includes(what)).length;
  /** A digest's file in the cache. */
  const fileOf = ({ digest }: Descriptor) => join(lab.folder, 'artifacts/.slipway/mirror/sha256', digest.slice(7));

  it('fetches each blob once for twenty clients at once', async () => {
    const all = Array.from({ length: CLIENTS }, (_, n) => n);
    const manifests = await Promise.all(all.map(() => manifestOf('v1')));
    expect(new Set(manifests)).toHaveLength(1);
    const { config: image, layers } = JSON.parse(manifests[0] ?? '') as { config: Descriptor; layers: Descriptor[] };
    const blobs = [image, ...layers];
    const urls = blobs.map((blob) => `'${urlOf(blob)}'`).join(' ');
    const each = `for url in ${urls}; do curl -sS --fail "$url" | sha256sum | cut -d ' ' -f 1; done > ${lab.folder}/client`;
    await sh(`for n in ${all.join(' ')}; do (${each}$n) & done; wait`);
    const expected = blobs.map(({ digest }) => `${digest.slice(7)}\n`).join('');
    for (const n of all) expect(await readFile(join(lab.folder, `client${n}`), 'utf8')).toBe(expected);
    expect(blobs.map(({ digest }) => requests(`/blobs/${digest}`))).toEqual(blobs.map(() => 1));
    await daemon.until(new RegExp(`fetched ${layers.at(-1)?.digest} of [^"]*: ${layers.at(-1)?.size} bytes in`));
  });

  it('gives bytes while they arrive, breaks off when the registry dies, and goes on by a range', async () => {
    const layer = await layerOf('large');
    const file = join(lab.folder, 'large');
    await lab.network.must('registry', 'tc', [
      ...['qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', 'rate', '40mbit', 'burst', '64k', 'latency', '50ms'],
    ]);
    const download = lab.network.start('client', 'curl', ['-sS', '--fail', '-o', file, urlOf(layer)]);
    await expect
      .poll(
        () =>
          stat(file).then(
            ({ size }) => size,
            () => 0,
          ),
        { timeout: 60_000 },
      )
      .toBeGreaterThan(100_000);
    await registry.kill();
    expect(await download.exit).toMatchObject({ code: 18, stderr: expect.stringContaining('transfer closed') });
    const { size } = await stat(file);
    expect(size).toBeLessThan(layer.size);
    await daemon.until(/did not arrive: /);
    await lab.network.must('registry', 'tc', ['qdisc', 'delete', 'dev', 'eth0', 'root']);
    expect(await status(urlOf(layer))).toBe('502');
    await registry.restart();
    await curl('-C', '-', '-o', file, urlOf(layer));
    expect(sha256(await readFile(file))).toBe(layer.digest);
  });

  it('sees a tag that moved', async () => {
    const before = await manifestOf('v1');
    await push('node', 'v1', 2000);
    await expect.poll(() => manifestOf('v1'), { timeout: 60_000, interval: 200 }).not.toBe(before);
    // The older one stays by its digest.
    expect(await manifestOf(sha256(before))).toBe(before);
  });

  it('gives skopeo an image, and refuses what is not configured', async () => {
    const target = `oci:${lab.folder}/copied`;
    const [through, direct] = [`${HOST}/${REGISTRY}/boot/node:v1`, `${REGISTRY}:5000/boot/node:v1`];
    await skopeo('copy', '-q', '--src-tls-verify=false', `docker://${through}`, `${target}:x`);
    const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${direct}`);
    expect(await must('skopeo', ['inspect', '--raw', `${target}:x`])).toBe(raw);
    expect(await curl(`http://${HOST}/v2/boot/node/manifests/v1?ns=${REGISTRY}:5000`)).toBe(raw);
    expect(await status(`http://${HOST}/v2/192.0.2.31:5000/boot/node/manifests/v1`)).toBe('404');
    expect(await status(`${BASE}/boot/node/manifests/none`)).toBe('404');
    expect(await status(`${BASE}/boot/node/blobs/sha256:${'0'.repeat(64)}`)).toBe('404');
  });

  it('never serves a byte that was flipped on disk', async () => {
    const layer = await layerOf('large');
    const flip = async () => {
      const file = await open(fileOf(layer), 'r+');
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, 5000);
      await file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, 5000);
      await file.close();
    };
    const fetched = requests(`/blobs/${layer.digest}`);
    await flip();
    const file = join(lab.folder, 'again');
    await curl('-o', file, urlOf(layer));
    expect(sha256(await readFile(file))).toBe(layer.digest);
    expect(requests(`/blobs/${layer.digest}`)).toBe(fetched + 1);
    await flip();
    await daemon.stop();
    daemon = await lab.serve();
    await curl('-o', file, urlOf(layer));
    expect(sha256(await readFile(file))).toBe(layer.digest);
    expect(requests(`/blobs/${layer.digest}`)).toBe(fetched + 2);
  });

  it('serves all that it has while the registry is away, also after a restart', async () => {
    const [manifest, layer] = [await manifestOf('large'), await layerOf('large')];
    await registry.kill();
    await daemon.stop();
    daemon = await lab.serve();
    expect(await manifestOf('large')).toBe(manifest);
    await daemon.until(/cannot be looked up [^"]*: it goes on as sha256:/);
    const file = join(lab.folder, 'away');
    await curl('-o', file, urlOf(layer));
    expect(sha256(await readFile(file))).toBe(layer.digest);
    expect(await status(`${BASE}/boot/node/manifests/unseen`)).toBe('502');
  });
});
