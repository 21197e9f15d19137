import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { must } from './process.ts';
import type { Registry } from './registry.ts';

/** The parts of an image's configuration that matter to a container. */
export interface ImageConfig {
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
}

/**
 * Makes an OCI layout of an image with busybox, as skopeo reads it (`oci:FOLDER`).
 * @param folder where it goes
 * @param files further files by their paths, in a layer of their own; a name with `.wh.` in it is a whiteout
 */
async function makeBusyboxImage(folder: string, config: ImageConfig, files: Readonly<Record<string, string>> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'slipway-image-'));
  const blobs = join(folder, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const keep = async (bytes: Uint8Array) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    await writeFile(join(blobs, hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const layerOf = async (tree: string) => {
    await must('tar', ['-C', tree, '--numeric-owner', '--owner=0', '--group=0', '-cf', join(root, 'layer.tar'), '.']);
    const plain = await readFile(join(root, 'layer.tar'));
    await must('gzip', ['-kf', join(root, 'layer.tar')]);
    const diff = createHash('sha256').update(plain).digest('hex');
    return { diff: `sha256:${diff}`, ...(await keep(await readFile(join(root, 'layer.tar.gz')))) };
  };
  try {
    const base = join(root, 'base');
    const libraries = (await must('ldd', ['/usr/bin/busybox'])).match(/\/\S+/g) ?? [];
    for (const path of ['/usr/bin/busybox', ...libraries]) {
      await mkdir(join(base, dirname(path)), { recursive: true });
      await copyFile(path, join(base, path));
    }
    for (const name of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'old'])
      await mkdir(join(base, name), { recursive: true });
    const applets = (await must('busybox', ['--list'])).trim().split('\n');
    for (const applet of applets) await symlink('/usr/bin/busybox', join(base, 'bin', applet));
    await writeFile(join(base, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\nworker:x:1000:1000::/tmp:/bin/sh\n');
    await writeFile(join(base, 'etc/group'), 'root:x:0:\nworkers:x:1000:\nextra:x:2000:worker\n');
    await writeFile(join(base, 'old/file'), 'below\n');
    const more = join(root, 'more');
    await mkdir(more);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(more, dirname(path)), { recursive: true });
      await writeFile(join(more, path), content, { mode: 0o755 });
    }
    const layers = [await layerOf(base), ...(Object.keys(files).length > 0 ? [await layerOf(more)] : [])];
    const type = (what: string) => `application/vnd.oci.image.${what}`;
    const rootfs = { type: 'layers', diff_ids: layers.map(({ diff }) => diff) };
    const about = { architecture: 'amd64', os: 'linux', config, rootfs };
    const manifest = {
      schemaVersion: 2,
      mediaType: type('manifest.v1+json'),
      config: { mediaType: type('config.v1+json'), ...(await keep(Buffer.from(JSON.stringify(about)))) },
      layers: layers.map(({ digest, size }) => ({ mediaType: type('layer.v1.tar+gzip'), digest, size })),
    };
    const entry = { mediaType: type('manifest.v1+json'), ...(await keep(Buffer.from(JSON.stringify(manifest)))) };
    await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  } finally {
    await rm(root, { recursive: true });
  }
}

/**
 * Makes such an image in `busybox` below a folder, and brings it into a registry.
 * @param target as skopeo names it
 */
export async function pushBusyboxImage(
  registry: Pick<Registry, 'push'>,
  folder: string,
  target: string,
  ...image: [config: ImageConfig, files?: Readonly<Record<string, string>>]
) {
  const layout = join(folder, 'busybox');
  await makeBusyboxImage(layout, ...image);
  await registry.push(`oci:${layout}`, target);
}
