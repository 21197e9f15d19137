import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Member, makeTar } from './image-layers.ts';

/** One file of a cpio archive in the format that the kernel unpacks. */
function cpioMember(name: string, content: string): Buffer {
  const hex = (value: number) => value.toString(16).padStart(8, '0').toUpperCase();
  const numbers = [1, 0o100644, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const head = Buffer.from(`070701${numbers.map(hex).join('')}${name}\0`);
  const fill = (length: number) => Buffer.alloc((4 - (length % 4)) % 4);
  return Buffer.concat([head, fill(head.length), Buffer.from(content), fill(content.length)]);
}

/** A cpio archive. */
export function makeCpio(files: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    [...Object.entries(files), ['TRAILER!!!', ''] as const].map(([name, text]) => cpioMember(name, text)),
  );
}

/** A kernel and an initrd that has the project's modules, as far as a build looks at them: nothing boots. */
export const BOOT: readonly Member[] = [
  ...['usr', 'usr/lib', 'usr/lib/modules', 'usr/lib/modules/6.1.0-9-amd64', 'usr/lib/modules/6.1.0-10-amd64'].map(
    (name): Member => ({ name, type: 'directory' }),
  ),
  { name: 'boot', type: 'directory' },
  { name: 'boot/vmlinuz-6.1.0-9-amd64', content: 'old kernel' },
  { name: 'boot/vmlinuz-6.1.0-10-amd64', content: 'new kernel' },
  {
    name: 'boot/initrd.img-6.1.0-10-amd64',
    content: makeCpio({ 'usr/lib/slipway/slipway-lib.sh': '# the modules' }).toString('latin1'),
  },
];

/**
 * Writes an OCI layout of uncompressed layers, as a build reads by `oci:FOLDER`.
 * @param architectures one image for each, with the same layers; several make an index of platforms
 */
export async function writeLayout(
  folder: string,
  layers: readonly (readonly Member[])[],
  architectures: readonly string[] = ['amd64'],
): Promise<void> {
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  const keep = async (bytes: Buffer, mediaType: string) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    await writeFile(join(folder, 'blobs/sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: unknown, mediaType: string) => keep(Buffer.from(JSON.stringify(value)), mediaType);
  const type = (what: string) => `application/vnd.oci.image.${what}`;
  const blobs = await Promise.all(layers.map((members) => keep(makeTar(members), type('layer.v1.tar'))));
  const rootfs = { type: 'layers', diff_ids: blobs.map(({ digest }) => digest) };
  const manifests = await Promise.all(
    architectures.map(async (architecture) => {
      const created = '2024-01-02T03:04:05Z';
      const config = await json({ architecture, os: 'linux', created, config: {}, rootfs }, type('config.v1+json'));
      const mediaType = type('manifest.v1+json');
      const manifest = await json({ schemaVersion: 2, mediaType, config, layers: blobs }, mediaType);
      return { ...manifest, platform: { architecture, os: 'linux' } };
    }),
  );
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const [only] = manifests;
  const entry =
    manifests.length === 1 && only
      ? only
      : await json({ schemaVersion: 2, mediaType: type('index.v1+json'), manifests }, type('index.v1+json'));
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
}
