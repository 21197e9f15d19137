import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
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

/** What a disk may hold: what it is called, and how to make it. */
const FOREIGN: readonly (readonly [string, string, (file: string) => Promise<unknown>])[] = [
  ['an ext4 file system', 'ext4', (file) => must('mkfs.ext4', ['-q', '-F', file])],
  ['an XFS superblock', 'xfs', (file) => writeAt(file, 0, xfs())],
  ['a btrfs superblock', 'btrfs', (file) => writeAt(file, 65536 + 64, Buffer.from('_BHRfS_M'))],
  ['a FAT file system', 'vfat', (file) => must('mkfs.vfat', [file])],
  ['swap', 'swap', (file) => must('mkswap', [file])],
  ['LUKS', 'crypto_LUKS', (file) => luks(file)],
  ['an LVM physical volume', 'LVM2_member', (file) => writeAt(file, 512, lvm())],
  ['a GPT without partitions', 'gpt', (file) => table(file, 'label: gpt\n')],
  ['a GPT with a partition', 'gpt', (file) => table(file, 'label: gpt\nname="data"\n')],
  [
    'a GPT with ours and another',
    'gpt',
    (file) => table(file, 'label: gpt\nsize=20MiB, name="slipway-cach3"\nname="data"\n'),
  ],
  ['an MBR', 'dos', (file) => table(file, 'label: dos\n,\n')],
  ['an ISO image', 'iso9660', (file) => writeAt(file, 32768, Buffer.from('\x01CD001\x01'))],
  ['RAID metadata 1.2', 'linux_raid_member', (file) => writeAt(file, 4096, raid(4096))],
  [
    'RAID metadata 1.0 at the end',
    'linux_raid_member',
    (file) => writeAt(file, 64 * MIB - 8192, raid(64 * MIB - 8192)),
  ],
  ['random bytes at the start', 'data of a kind that is not known', (file) => writeAt(file, 0, randomBytes(4096))],
  [
    'random bytes at the end',
    'data of a kind that is not known',
    (file) => writeAt(file, 64 * MIB - 4096, randomBytes(4096)),
  ],
  ['one byte at the end', 'data of a kind that is not known', (file) => writeAt(file, 64 * MIB - 1, Uint8Array.of(1))],
  ['one byte in the first MiB', 'data of a kind that is not known', (file) => writeAt(file, 700_000, Uint8Array.of(1))],
  [
    'one byte behind the first MiB',
    'data of a kind that is not known',
    (file) => writeAt(file, 2 * MIB + 5, Uint8Array.of(1)),
  ],
  ['a file system whose partition table is gone', 'data of a kind that is not known', lostTable],
  [
    'random bytes in the middle',
    'data of a kind that is not known',
    (file) => writeAt(file, 30 * MIB, randomBytes(4 * MIB)),
  ],
  [
    'two signatures at once',
    'iso9660, swap',
    (file) => must('mkswap', [file]).then(() => writeAt(file, 32768, Buffer.from('\x01CD001'))),
  ],
  [
    'our mark and data',
    'data of a kind that is not known',
    (file) => writeAt(file, 524288, MARK).then(() => writeAt(file, 20 * MIB, randomBytes(4 * MIB))),
  ],
  [
    'our mark and a foreign table',
    'dos',
    (file) => table(file, 'label: dos\n,\n').then(() => writeAt(file, 524288, MARK)),
  ],
  [
    'our mark and a foreign GPT',
    'gpt',
    (file) => table(file, 'label: gpt\nname="x"\n').then(() => writeAt(file, 524288, MARK)),
  ],
];

const MARK = Buffer.from('slipway-cache: formatting was begun and has not ended');

/** A disk with one partition that holds a file system, of which the first MiB and the last were overwritten. */
async function lostTable(file: string): Promise<void> {
  const part = `${file}.part`;
  await writeFile(part, '');
  await truncate(part, 40 * MIB);
  await must('mkfs.ext4', ['-q', part]);
  await must('dd', [`if=${part}`, `of=${file}`, 'bs=1M', 'seek=1', 'conv=notrunc,sparse', 'status=none']);
}

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
  block.writeUInt32BE(1, 80);
  block.writeUInt32BE(4096, 84);
  block.writeUInt32BE(4, 88);
  block.writeUInt16BE(4, 100);
  block.writeUInt16BE(512, 102);
  block.writeUInt16BE(256, 104);
  block.writeUInt16BE(16, 106);
  block.set([12, 9, 8, 4, 12, 0, 0, 25], 120);
  return block;
}

/** Beginning of a version 1 RAID superblock for byte `at`. */
function raid(at: number): Buffer {
  const block = Buffer.alloc(256);
  block.writeUInt32LE(0xa92b4efc, 0);
  block.writeUInt32LE(1, 4);
  block.writeBigUInt64LE(BigInt(at / 512), 144);
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
  # No function of a shell can have every name. $1: a program; $2: what runs in its place
  program() {
    mkdir -p $slipway_run/bin
    printf '#!/bin/sh\\n%s\\n' "$2" > $slipway_run/bin/$1
    chmod 755 $slipway_run/bin/$1
    PATH=$slipway_run/bin:$PATH
  }
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
    const { stdout, stderr, signal } = await runLibrary(
      shell,
      path,
      `device_sys=${path}/sys device_dev=${path}/dev
      ${PRELUDE}
      ${more}
      if device_find '${wanted}' ${allow}; then echo "found $(readlink -f "$device_found")"
      else cat "$slipway_run/failure" "$slipway_run/remedy"; fi`,
    );
    return signal ? `power lost by ${signal}` : stdout || `NOTHING ${stderr}`;
  }

  test.each(FOREIGN)('%s is never formatted', async (_, content, prepare) => {
    const disk = await makeDisk(64 * MIB, prepare);
    const before = await readFile(disk.file);
    expect(await find([disk], 'auto', true)).toMatch(`no disk is empty`);
    const said = await find([disk], '/dev/disk0', true);
    // A file system that a person names is mounted as it is.
    if (content === 'ext4') expect(said).toBe(`found ${disk.device}\n`);
    else expect(said).toContain(`disk0 is not formatted, as it holds something: ${content}`);
    expect(await find([disk], 'LABEL=slipway-cache', true)).toContain('there is no cache device LABEL=slipway-cache');
    await must('sync', [disk.file]);
    expect(Buffer.compare(await readFile(disk.file), before)).toBe(0);
  });

  test('a disk that is mounted, or that cannot be written or looked at, is none that holds nothing', async () => {
    const disk = await makeDisk(64 * MIB);
    for (const broken of [
      'blkid() { return 127; }',
      'blkid() { return 8; }',
      'wipefs() { return 1; }',
      'dd() { return 1; }',
      'blockdev() { return 1; }',
      'blockdev() { case $1 in --getro) echo 1 ;; *) command blockdev "$@" ;; esac; }',
      'device_in_use() { return 0; }',
    ]) {
      expect([broken, await find([disk], 'auto', true, broken)]).toEqual([
        broken,
        expect.not.stringMatching('formatting|found'),
      ]);
    }
    expect(Buffer.compare(await readFile(disk.file), Buffer.alloc(64 * MIB))).toBe(0);
  });

  test('a file system that is mounted is in use', async () => {
    const disk = await makeDisk(64 * MIB, (file) => must('mkfs.ext4', ['-q', '-F', '-L', 'slipway-cache', file]));
    const mounted = await find([disk], 'auto', true, `mkdir $slipway_run/at; mount ${disk.device} $slipway_run/at`);
    expect(mounted).toContain('disk0 is in use by something else');
    expect(await find([disk], 'auto', true)).toBe(`found ${disk.device}\n`);
  });

  test('an empty disk is formatted where that is allowed, and found again by its label', async () => {
    const disk = await makeDisk(64 * MIB);
    expect(await find([disk], 'auto', false)).toMatch(/disk0 holds no file system yet\n.*allow_format: true/);
    expect(Buffer.compare(await readFile(disk.file), Buffer.alloc(64 * MIB))).toBe(0);
    expect(await find([disk], 'auto', true)).toMatch(
      /^console: formatting .*disk0, which holds nothing, as cache device\nfound .*p1\n$/,
    );
    await must('e2fsck', ['-fn', `${disk.device}p1`]);
    const before = await readFile(disk.file);
    for (const wanted of ['auto', 'LABEL=slipway-cache', '/dev/disk0']) {
      expect(await find([disk], wanted, true)).toBe(`found ${disk.device}p1\n`);
    }
    expect(Buffer.compare(await readFile(disk.file), before)).toBe(0);
  });

  test('of several disks the largest that holds nothing is taken, and ours before it', async () => {
    const swap = await makeDisk(96 * MIB, (file) => must('mkswap', [file]));
    const small = await makeDisk(32 * MIB);
    const large = await makeDisk(64 * MIB);
    expect(await find([swap, small, large], 'auto', true)).toContain(`found ${large.device}p1\n`);
    expect(await find([swap, small, large], 'auto', true)).toBe(`found ${large.device}p1\n`);
  });

  test('an empty partition that is named is formatted, and nothing beside it', async () => {
    const disk = await makeDisk(96 * MIB, (file) => table(file, 'label: gpt\nsize=40MiB, name="a"\nname="b"\n'));
    const before = await readFile(disk.file);
    const [, name = ''] = disk.device.split('/dev/');
    expect(await find([disk], `/dev/${name}p2`, true)).toContain(`found ${disk.device}p2\n`);
    await must('sync', [disk.file]);
    const after = await readFile(disk.file);
    expect(Buffer.compare(after.subarray(0, 41 * MIB), before.subarray(0, 41 * MIB))).toBe(0);
    expect(Buffer.compare(after.subarray(-MIB), before.subarray(-MIB))).toBe(0);
    expect(await find([disk], 'LABEL=slipway-cache', false)).toBe(`found ${disk.device}p2\n`);
  });

  // Where the power goes: what runs there ends the shell.
  test.each([
    ['before the partition table', 'sfdisk() { kill -9 $$; }'],
    [
      'with half a partition table',
      'sfdisk() { for last; do :; done; command sfdisk "$@"; dd if=/dev/zero of=$last bs=512 count=1 conv=notrunc,fsync; kill -9 $$; }',
    ],
    ['behind the partition table', 'sync() { kill -9 $$; }'],
    ['before the file system', "program mkfs.ext4 'kill -9 $PPID'"],
    [
      'in the file system',
      `program mkfs.ext4 '/usr/sbin/mkfs.ext4 "$@"; for p; do case $p in /*) part=$p ;; esac; done
        head -c 300000 /dev/zero | tr "\\\\0" x | dd of=$part bs=512 conv=notrunc,fsync; kill -9 $PPID'`,
    ],
    ['behind the file system', 'sync() { [ -e $slipway_run/first ] && kill -9 $$; : > $slipway_run/first; }'],
  ])('formatting is done again where power was lost %s, if that is allowed', async (_, power) => {
    const disk = await makeDisk(64 * MIB);
    expect(await find([disk], 'auto', true, power)).toBe('power lost by SIGKILL');
    await run('partx', ['-a', disk.device]);
    const before = await readFile(disk.file);
    for (const wanted of ['auto', '/dev/disk0']) {
      expect(await find([disk], wanted, false)).toMatch(/holds no file system yet\n.*allow_format: true/);
    }
    expect(Buffer.compare(await readFile(disk.file), before)).toBe(0);
    expect(await find([disk], 'auto', true)).toContain(`found ${disk.device}p1\n`);
    await must('e2fsck', ['-fn', `${disk.device}p1`]);
    expect(await find([disk], 'auto', false)).toBe(`found ${disk.device}p1\n`);
  });
});
