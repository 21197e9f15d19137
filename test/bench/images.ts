import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianLayout } from '../support/debian-image.ts';
import { createBuilder } from '../support/image-builder.ts';
import { makeTar } from '../support/image-layers.ts';
import { IMAGES } from '../support/images.ts';
import { TOP } from '../support/lab.ts';
import { must, start } from '../support/process.ts';
import { peakMemory } from './memory.ts';
import type { Row } from './table.ts';

const GB = 1e9;
const MB = 1e6;

/** Bytes that only a number decides; every second KiB of them is text, so that half of it can be compressed. */
function* filling(size: number): Generator<Buffer> {
  for (let i = 0; i * 2048 < size; i++) {
    const noise = Array.from({ length: 32 }, (_, j) => createHash('sha256').update(`${i} ${j}`).digest());
    yield Buffer.concat([...noise, Buffer.from(`line ${i}\n`.repeat(200)).subarray(0, 1024)]);
  }
}

/** A layer that has what an image lacks to a size. */
async function fillingLayer(path: string, size: number): Promise<void> {
  const pieces = [...filling(size)];
  const each = Math.ceil(pieces.length / 64);
  const members = Array.from({ length: 64 }, (_, i) => ({
    name: `srv/data/${i}`,
    content: Buffer.concat(pieces.slice(i * each, (i + 1) * each)).toString('latin1'),
  }));
  const target = await open(path, 'w');
  for (const member of members) {
    const bytes = makeTar([member]);
    // Without the end of the archive, but for the last one.
    await target.appendFile(member === members.at(-1) ? bytes : bytes.subarray(0, -1024));
  }
  await target.close();
}

async function measured(command: string, args: readonly string[]): Promise<{ seconds: number; memory: number }> {
  const began = performance.now();
  const running = start(command, args);
  const memory = await peakMemory(running.child.pid ?? 0, running.exit);
  const { code, stderr } = await running.exit;
  if (code !== 0) throw new Error(`${command} failed: ${stderr.slice(-500)}`);
  return { seconds: (performance.now() - began) / 1000, memory };
}

/** Building squashfs of a 1 GB image, beside what one would do as root without the project. */
export async function benchImages(print: (row: Row) => void): Promise<void> {
  const scratch = join(TOP, 'build/bench');
  await mkdir(scratch, { recursive: true });
  const folder = await mkdtemp(join(scratch, 'images-'));
  await must('chmod', ['755', folder]);
  const builder = await createBuilder();
  try {
    const layout = join(folder, 'oci');
    const source = await debianLayout('bookworm', layout);
    const { size: base } = await stat(join(IMAGES, 'bookworm-bootable.tar'));
    await fillingLayer(join(folder, 'filling.tar'), GB - base);
    await must('umoci', ['raw', 'add-layer', '--image', `${layout}:x`, join(folder, 'filling.tar')]);
    await must('chmod', ['-R', 'a+rX', layout]);
    await writeFile(join(folder, 'initrd'), 'given');
    const given = ['--initrd', join(folder, 'initrd'), '--root', 'squashfs', '--quiet'];
    const ours = await measured(process.execPath, [
      ...[join(TOP, 'dist/cli.js'), 'image', 'build', source, '--name', 'a', ...given],
      ...['--config', join(builder.folder, 'config.yaml')],
    ]);
    const theirs = await measured('sh', [
      ...['-e', '-c', 'umoci raw unpack --image "$1:x" "$2/root"; mksquashfs "$2/root" "$2/x" $3', 'sh'],
      ...[layout, folder, '-comp zstd -b 256K -no-progress -quiet'],
    ]);
    const size = async (path: string) => `${((await stat(path)).size / MB).toFixed(0)} MB`;
    const figure = ({ seconds, memory }: typeof ours) => `${seconds.toFixed(1)} s, ${(memory / MB).toFixed(0)} MB`;
    print({
      work: 'a 1 GB image to squashfs: time, and memory of all programs',
      target: 'beside umoci and mksquashfs as root',
      figure:
        `${figure(ours)} (${await size(join(builder.artifacts, 'a/rootfs.squashfs'))}); ` +
        `umoci and mksquashfs ${figure(theirs)} (${await size(join(folder, 'x'))})`,
      holds: undefined,
    });
  } finally {
    await builder.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}
