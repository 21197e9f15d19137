import { copyFile, mkdir, open, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { folder, runLibrary, SHELLS } from '../dracut-modules/shell.ts';
import { must, run } from '../support/process.ts';

// The cache device: real block devices (loop), in the place of an initrd's disks.

const MIB = 1 << 20;

/** A disk image that a loop device is made of, and that device. */
interface Disk {
  readonly file: string;
  readonly device: string;
}

/** Makes a disk of zeros, with `content` written at byte `at`. It is gone when the test is. */
async function makeDisk(size: number, prepare: (file: string) => Promise<unknown> = async () => {}): Promise<Disk> {
  const file = join(await folder(), 'disk');
  await writeFile(file, '');
  await truncate(file, size);
  await prepare(file);
  const device = (await must('losetup', ['--find', '--show', '--partscan', file])).trim();
  onTestFinished(async () => {
    await run('partx', ['-d', device]);
    await must('losetup', ['-d', device]);
  });
  await run('partx', ['-a', device]);
  return { file, device };
}

async function writeAt(file: string, at: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, at);
  await handle.close();
}

const random = (size: number) => crypto.getRandomValues(new Uint8Array(size));

/** What a disk may hold, each of another kind: how to make it. */
const FOREIGN: readonly (readonly [string, (file: string) => Promise<unknown>])[] = [
  ['an ext4 file system', (file) => must('mkfs.ext4', ['-q', '-F', file])],
  ['an XFS superblock', (file) => writeAt(file, 0, xfs())],
  ['a btrfs superblock', (file) => writeAt(file, 65536 + 64, Buffer.from('_BHRfS_M'))],
  ['a FAT file system', (file) => must('mkfs.vfat', [file])],
  ['swap', (file) => must('mkswap', [file])],
  ['LUKS', (file) => luks(file)],
  ['an LVM physical volume', (file) => writeAt(file, 512, lvm())],
  ['a GPT without partitions', (file) => table(file, 'label: gpt\n')],
  ['a GPT with a partition', (file) => table(file, 'label: gpt\nname="data"\n')],
  ['a GPT with ours and another', (file) => table(file, 'label: gpt\nsize=20MiB, name="slipway-cach3"\nname="data"\n')],
  ['an MBR', (file) => table(file, 'label: dos\n,\n')],
  ['an ISO image', (file) => writeAt(file, 32768, Buffer.from('\x01CD001\x01'))],
  ['RAID metadata 1.2', (file) => writeAt(file, 4096, raid())],
  ['RAID metadata 1.0 at the end', (file) => writeAt(file, 64 * MIB - 8192, raid())],
  ['random bytes at the start', (file) => writeAt(file, 0, random(4096))],
  ['random bytes at the end', (file) => writeAt(file, 64 * MIB - 4096, random(4096))],
  ['one byte at the end', (file) => writeAt(file, 64 * MIB - 1, Uint8Array.of(1))],
  ['one byte in the first MiB', (file) => writeAt(file, 700_000, Uint8Array.of(1))],
  ['random bytes in the middle', (file) => writeAt(file, 30 * MIB, random(4 * MIB))],
  ['two signatures at once', (file) => must('mkswap', [file]).then(() => writeAt(file, 32768, Buffer.from('\x01CD001')))],
  ['our mark and data', (file) => writeAt(file, 524288, MARK).then(() => writeAt(file, 20 * MIB, random(4 * MIB)))],
  ['our mark and a foreign table', (file) => table(file, 'label: dos\n,\n').then(() => writeAt(file, 524288, MARK))],
  ['our mark and a foreign GPT', (file) => table(file, 'label: gpt\nname="x"\n').then(() => writeAt(file, 524288, MARK))],
];

const MARK = Buffer.from('slipway-cache: formatting was begun and has not ended');

const table = (file: string, script: string) => must('sh', ['-c', 'printf "$1" | sfdisk --quiet "$0"', file, script]);

async function luks(file: string): Promise<void> {
  const format = 'echo key | cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$0"';
  await must('sh', ['-c', format, file]);
}

/** The label of a physical volume (lvm2, label.c): a CRC over what follows it, which libblkid checks. */
function lvm(): Buffer {
  const label = Buffer.alloc(512);
  label.write('LABELONE', 0);
  label.writeBigUInt64LE(1n, 8);
  label.writeUInt32LE(32, 20);
  label.write('LVM2 001', 24);
  label.write('abcdefabcdefabcdefabcdefabcdefab', 32);
  label.writeUInt32LE(crc(label.subarray(20)), 16);
  return label;
}

/** LVM's CRC-32, which begins with a value of its own. */
function crc(bytes: Uint8Array): number {
  let value = 0xf597a6cf;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return value >>> 0;
}

/** Beginning of an XFS superblock, with sizes that make sense. */
function xfs(): Buffer {
  const block = Buffer.alloc(512);
  block.write('XFSB', 0);
  block.writeUInt32BE(4096, 4);
  block.writeBigUInt64BE(16384n, 8);
  return block;
}

/** Beginning of a version 1 RAID superblock. */
function raid(): Buffer {
  const block = Buffer.alloc(256);
  block.writeUInt32LE(0xa92b4efc, 0);
  block.writeUInt32LE(1, 4);
  return block;
}

/** The kernel of this machine may not read partition tables by itself. */
const PRELUDE = `
  . $slipway_parts/containers-device.sh
  device_wait=0
  sfdisk() {
    command sfdisk "$@" || return
    case $1 in --quiet) for last; do :; done; partx -u "$(readlink -f "$last")" 2> /dev/null; partx -a "$(readlink -f "$last")" 2> /dev/null; : ;; esac
  }
  slipway_tell() { printf 'console: %s\\n' "$*"; }
`;

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  /** Looks for the device `wanted` in an initrd with these disks: disk0, disk1, ... */
  async function find(disks: readonly Disk[], wanted: string, allow: boolean, more = '') {
    const path = await folder();
    await mkdir(join(path, 'sys/block'), { recursive: true });
    await mkdir(join(path, 'dev'));
    for (const [number, { device }] of disks.entries()) {
      const name = device.slice(5);
      await symlink(`/sys/block/${name}`, join(path, `sys/block/disk${number}`));
      await symlink(device, join(path, `dev/disk${number}`));
      await symlink(`${device}p1`, join(path, `dev/${name}p1`));
      await symlink(`${device}p2`, join(path, `dev/${name}p2`));
    }
    const { stdout } = await runLibrary(
      shell,
      path,
      `device_sys=${path}/sys device_dev=${path}/dev
      ${PRELUDE}
      ${more}
      if device_find '${wanted}' ${allow}; then echo "found $(readlink -f "$device_found")"
      else cat "$slipway_run/failure" "$slipway_run/remedy"; fi`,
    );
    return stdout;
  }

  test.each(FOREIGN)('%s is never formatted', async (_, prepare) => {
    const disk = await makeDisk(64 * MIB, prepare);
    const before = await readFile(disk.file);
    for (const wanted of ['auto', '/dev/disk0', 'LABEL=slipway-cache']) {
      const said = await find([disk], wanted, true);
      expect(said).not.toContain('formatting');
      if (said.startsWith('found')) expect([wanted, _]).toEqual(['/dev/disk0', 'an ext4 file system']);
    }
    await must('sync', [disk.file]);
    expect(Buffer.compare(await readFile(disk.file), before)).toBe(0);
  });

  test('an empty disk is formatted where that is allowed, and found again by its label', async () => {
    const disk = await makeDisk(64 * MIB);
    expect(await find([disk], 'auto', false)).toMatch(/disk0 holds no file system yet\n.*allow_format: true/);
    expect(Buffer.compare(await readFile(disk.file), Buffer.alloc(64 * MIB))).toBe(0);
    expect(await find([disk], 'auto', true)).toBe(
      `console: formatting ${disk.device.replace(/.*/, '')}`.length > 0
        ? expect.stringMatching(/^console: formatting .*disk0, which holds nothing, as cache device\nfound .*p1\n$/)
        : '',
    );
    await must('e2fsck', ['-fn', `${disk.device}p1`]);
    const before = await readFile(disk.file);
    for (const wanted of ['auto', 'LABEL=slipway-cache', '/dev/disk0']) {
      expect(await find([disk], wanted, true)).toBe(`found ${disk.device}p1\n`);
    }
    expect(Buffer.compare(await readFile(disk.file), before)).toBe(0);
  });
});
