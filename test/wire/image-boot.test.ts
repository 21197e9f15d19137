import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectGarbage } from '../../src/images/store/image-list.ts';
import type { BuildManifest } from '../../src/images/store/manifest.ts';
import { storePaths } from '../../src/images/store/publish.ts';
import { builtImage } from '../support/built-image.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { blobsFirst, makeLayout } from '../support/oci-archive.ts';
import { must, type Running, run } from '../support/process.ts';

const BASE = `http://${SERVER_ADDRESS}:8080`;
const CONFIG = `
server: { interface: eth0, http: { workers: WORKERS }, tftp: false, dhcp: { mode: off } }
artifacts: ./artifacts
images:
  any: { build: os, args: [quiet] }
  tar: { build: os, root: { method: container-root, size: 3G } }
  podman: { kernel: vmlinuz, root: { method: bootc-live, source: podman.oci } }
  made: { kernel: vmlinuz, root: { method: bootc-live, source: "oci:os" } }
nodes:
  n001: { mac: "52:54:00:00:00:01", image: any }
  n002: { mac: "52:54:00:00:00:02", image: tar }
  n003: { mac: "52:54:00:00:00:03", image: podman }
  n004: { mac: "52:54:00:00:00:04", image: made }
`;
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
/** A layer that no compression makes smaller. */
const layer = () => [[{ name: 'big', content: randomBytes(1_500_000).toString('latin1') }]];

let lab: Lab;
let artifacts: string;
let daemon: Running;

const start = async (config: string) => {
  await writeFile(lab.configFile, config);
  daemon = await lab.serve();
};
const curl = (...args: readonly string[]) => lab.network.must('client', 'curl', ['-sS', ...args]);
const scriptOf = (node: number) => curl(`${BASE}/ipxe/52-54-00-00-00-0${node}`);
/** The script of a node, as soon as it is another. */
const nextScript = async (node: number, before: string) => {
  for (;;) {
    const script = await scriptOf(node);
    if (script !== before) return script;
  }
};
/** The digests of the files that a script names. */
const namedIn = (script: string) =>
  new Map(
    [...script.matchAll(/\/blobs\/sha256\/([0-9a-f]{64})\/(\S+)/g)].map(([, digest = '', file = '']) => [file, digest]),
  );
const fetched = async (script: string, file: string) => {
  const target = join(lab.folder, 'fetched');
  await curl('--fail', '-o', target, `${BASE}/blobs/sha256/${namedIn(script).get(file)}/${file}`);
  return readFile(target);
};
const manifestOf = async (name: string): Promise<BuildManifest> =>
  JSON.parse(await readFile(join(artifacts, name, 'manifest.json'), 'utf8'));

beforeEach(async () => {
  lab = await createLab('');
  artifacts = join(lab.folder, 'artifacts');
  await mkdir(artifacts);
  await writeFile(join(artifacts, 'vmlinuz'), 'kernel');
});
afterEach(async () => {
  await daemon.stop('SIGKILL');
  await lab.destroy();
});

describe.each([1, 2])('with %i HTTP process(es)', (workers) => {
  const config = CONFIG.replace('WORKERS', String(workers));

  it('a build boots with kernel, initrd and the root that it has', async () => {
    await builtImage(artifacts, 'os', layer(), ['tar.zst', 'oci']);
    await start(config);
    const { kernel, initrd, roots } = await manifestOf('os');
    const script = await scriptOf(1);
    expect(Object.fromEntries(namedIn(script))).toEqual({
      vmlinuz: kernel.sha256,
      'initrd.img': initrd.sha256,
      'root.oci': roots.oci?.sha256,
    });
    expect(script).toMatch(/root=bootc-live:\S+ bootclabel=latest .* quiet /);
    expect(sha256(await fetched(script, 'root.oci'))).toBe(roots.oci?.sha256);
    const other = await scriptOf(2);
    expect(namedIn(other).get('rootfs.tar.zst')).toBe(roots['tar.zst']?.sha256);
    expect(other).toMatch(/rd\.container\.rootfs=\S+ rd\.tmpfs\.size=3G /);
    const explained = JSON.parse(await curl(`${BASE}/ipxe/52-54-00-00-00-01?explain`));
    expect(explained).toMatchObject({
      build: expect.stringMatching(/^[0-9a-f]{64}$/),
      template: { value: 'bootc-live', from: 'images.any.root.method' },
      root: { sha256: roots.oci?.sha256 },
    });
  });

  it('an archive with its blobs in another order is sent in that in which it unpacks, whole and in ranges', async () => {
    const image = makeLayout(['lowest'.repeat(100_000), 'middle'.repeat(100_000), 'top']);
    const archive = blobsFirst(image);
    await writeFile(join(artifacts, 'podman.oci'), archive);
    await start(config);
    const script = await scriptOf(3);
    const digest = namedIn(script).get('root.oci') ?? namedIn(script).get('podman.oci') ?? '';
    expect(script).toContain(`slipway.sha256=${digest}`);
    expect(digest).not.toBe(sha256(archive));
    const bytes = await fetched(script, 'podman.oci');
    expect(sha256(bytes)).toBe(digest);
    const list = await must('tar', ['-t', '-f', join(lab.folder, 'fetched')]);
    const { layout, index, manifest, config: settings, layers } = image;
    const wanted = [layout, index, manifest, settings, ...layers].map(({ name }) => name);
    expect(list.split('\n').filter((name) => name !== '' && !name.endsWith('/'))).toEqual(wanted);
    const url = `${BASE}/blobs/sha256/${digest}/podman.oci`;
    const head = await curl('-I', url);
    expect(head).toContain(`Content-Length: ${bytes.length}\r\n`);
    expect(head).toContain(`ETag: "${digest}"`);
    for (const [first, last] of [
      [0, 0],
      [500, 600_600],
      [511, 1600],
      [bytes.length - 5, bytes.length - 1],
    ] as const) {
      const part = join(lab.folder, 'part');
      await curl('--fail', '-r', `${first}-${last}`, '-o', part, url);
      expect(await readFile(part)).toEqual(bytes.subarray(first, last + 1));
    }
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', '-r', `${bytes.length}-`, url)).toBe('416');
    expect(await curl('-H', `If-None-Match: "${digest}"`, '-o', '/dev/null', '-w', '%{http_code}', url)).toBe('304');
    // The file itself is as it was.
    await curl('-o', join(lab.folder, 'own'), `${BASE}/artifacts/podman.oci`);
    expect(sha256(await readFile(join(lab.folder, 'own')))).toBe(sha256(archive));
    await daemon.stop('SIGTERM');
    daemon = await lab.serve();
    await curl('--fail', '-o', join(lab.folder, 'again'), url);
    expect(sha256(await readFile(join(lab.folder, 'again')))).toBe(digest);
  });

  it('a build without an archive boots from one that is made of its blobs and stored nowhere', async () => {
    const one = layer();
    await builtImage(artifacts, 'os', one, []);
    await start(config);
    const script = await scriptOf(1);
    const bytes = await fetched(script, 'root.oci');
    expect(sha256(bytes)).toBe(namedIn(script).get('root.oci'));
    expect(await must('find', [artifacts, '-size', `${bytes.length}c`])).toBe('');
    expect(namedIn(await scriptOf(4)).get('root.oci')).toBe(sha256(bytes));
    await must('skopeo', [
      '--insecure-policy',
      'copy',
      '-q',
      `oci-archive:${lab.folder}/fetched:latest`,
      `oci:${lab.folder}/x:x`,
    ]);
    // The same bytes as a build would have written.
    await builtImage(artifacts, 'os', one, ['oci']);
    expect((await manifestOf('os')).roots.oci?.sha256).toBe(sha256(bytes));
  });
});

describe('while machines boot', () => {
  const config = CONFIG.replace('WORKERS', '1');

  it('a new version takes the place of the old one at once and whole, and the old one can still be had', async () => {
    await builtImage(artifacts, 'os', layer(), ['oci']);
    await start(config);
    const first = await manifestOf('os');
    const before = await scriptOf(1);
    await builtImage(artifacts, 'os', layer(), ['oci']);
    const second = await manifestOf('os');
    const after = await nextScript(1, before);
    const digests = (manifest: BuildManifest) =>
      new Map([
        ['vmlinuz', manifest.kernel.sha256],
        ['initrd.img', manifest.initrd.sha256],
        ['root.oci', manifest.roots.oci?.sha256],
      ]);
    expect(namedIn(before)).toEqual(digests(first));
    expect(namedIn(after)).toEqual(digests(second));
    expect(sha256(await fetched(before, 'root.oci'))).toBe(first.roots.oci?.sha256);
  });

  it('gc frees neither what a script named nor what a download is at', async () => {
    await builtImage(artifacts, 'os', layer(), []);
    await start(config);
    const script = await scriptOf(1);
    const digest = namedIn(script).get('root.oci') ?? '';
    const slow = lab.network.start('client', 'curl', [
      ...['-sS', '--limit-rate', '300K', '-v', '-o', join(lab.folder, 'slow')],
      `${BASE}/blobs/sha256/${digest}/root.oci`,
    ]);
    await slow.until(/200 OK/);
    await builtImage(artifacts, 'os', layer(), []);
    await nextScript(1, script);
    // Two hours on, no name has stood for the first build for long enough.
    const collected = await collectGarbage(storePaths(artifacts), Date.now() + 2 * 3_600_000);
    expect(collected).toMatchObject({ builds: 1, blobs: 3, running: 0 });
    for (const file of ['vmlinuz', 'initrd.img', 'root.oci']) {
      expect(sha256(await fetched(script, file))).toBe(namedIn(script).get(file));
    }
    expect((await slow.exit).code).toBe(0);
    expect(sha256(await readFile(join(lab.folder, 'slow')))).toBe(digest);
  });

  it('a damaged new version leaves the old one in force', async () => {
    await builtImage(artifacts, 'os', layer(), ['oci']);
    await start(config);
    const before = await scriptOf(1);
    const two = layer();
    const id = await builtImage(artifacts, 'other', two, ['oci']);
    await writeFile(join(artifacts, '.images/builds', id, 'vmlinuz'), 'damaged');
    await builtImage(artifacts, 'os', two, ['oci']);
    await daemon.until(/not those of its manifest.*the build before stays in force/);
    expect(await scriptOf(1)).toBe(before);
  });
});

describe('a build that does not exist yet', () => {
  const config = CONFIG.replace('WORKERS', '1');

  it('is told of at the start, to the machine and by "check"; it boots as soon as it is there', async () => {
    await start(config);
    await daemon.until(/images\.any is the build os, which cannot be served: there is no such build/);
    expect(await curl('-w', '%{http_code}', `${BASE}/ipxe/52-54-00-00-00-01`)).toMatch(
      /there is no such build[\s\S]*503$/,
    );
    const check = await run(process.execPath, [join(TOP, 'dist/cli.js'), 'check', '--config', lab.configFile]);
    expect([check.code, check.stdout]).toEqual([
      0,
      expect.stringContaining('warning: images.any is the build os, which is not in'),
    ]);
    await builtImage(artifacts, 'os', layer(), ['tar.zst']);
    expect(await scriptOf(1)).toContain('rd.container.rootfs=');
    const again = await run(process.execPath, [join(TOP, 'dist/cli.js'), 'check', '--config', lab.configFile]);
    expect(again.stdout).toMatch(/n001 .* any +container-root/);
    expect(again.stdout).not.toContain('images.any is the build');
  });

  it('by its name alone that is not there is told with its place in the file; its nodes boot as soon as it is', async () => {
    await start(config);
    await writeFile(
      lab.configFile,
      'server: { interface: eth0, http: { workers: 1 }, tftp: false, dhcp: { mode: off } }\nnodes: { n001: { mac: "52:54:00:00:00:01", image: os } }\n',
    );
    await daemon.until(/there is no image \\"os\\"/);
    expect(await curl('-o', '/dev/null', '-w', '%{http_code}', `${BASE}/ipxe/52-54-00-00-00-01`)).toBe('503');
    await builtImage(artifacts, 'os', layer(), ['oci']);
    expect(namedIn(await scriptOf(1)).get('root.oci')).toBe((await manifestOf('os')).roots.oci?.sha256);
  });
});
