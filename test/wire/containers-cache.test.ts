import { createHash } from 'node:crypto';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { folder, runLibrary, SHELLS } from '../dracut-modules/shell.ts';
import { startHostileRegistry } from '../support/hostile-registry.ts';
import { must } from '../support/process.ts';

// Blobs and volumes that stay on a cache device: a real file system on a loop device, mounted by the module itself.

const MIB = 1 << 20;

const hex = (text: string) => createHash('sha256').update(text).digest('hex');

/** A device with an ext4 file system. It is gone when the test is. */
async function makeDevice(size = 32 * MIB): Promise<string> {
  const file = join(await folder(), 'disk');
  await writeFile(file, '');
  await truncate(file, size);
  await must('mkfs.ext4', ['-q', '-F', '-L', 'slipway-cache', file]);
  const device = (await must('losetup', ['--find', '--show', file])).trim();
  onTestFinished(async () => {
    await must('losetup', ['-d', device]);
  });
  return device;
}

const cache = (device: string, limit: number | null = null) => ({ device, allow_format: false, limit });
const volume = (name: string, more: object) => ({
  ...{ name, place: 'cache', keep: 'always', size: null, luks: null, mirror: null },
  ...more,
});

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  /** Boots an initrd that does `script` with a document; what it says on the console begins with "console: ". */
  async function boot(document: object, script: string) {
    const path = await folder();
    await mkdir(join(path, 'containers'));
    await writeFile(join(path, 'containers/document.json'), JSON.stringify({ volumes: [], cache: null, ...document }));
    const prelude = `
      containers_run=$slipway_run/containers containers_document=$slipway_run/containers/document.json
      containers_jq() { jq "$@" "$containers_document"; }
      slipway_tell() { printf 'console: %s\\n' "$*" >&2; }
      slipway_load containers-device containers-cache containers-volumes
      for part in device cache volumes; do . $slipway_parts/containers-$part.sh; done
      device_wait=0
      why() { cat "$slipway_run/failure" "$slipway_run/remedy"; }
      # Fetches a blob as the images do. $1: the text that it should be; $2: what comes
      fetch() { set -- "$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)" "$@"; cache_bytes "$1" come "$3" > $slipway_work/got
        got=$(sha256sum < $slipway_work/got | cut -d ' ' -f 1)
        if [ "$got" = "$1" ]; then cache_commit "$1"; else cache_drop "$1"; fi; }
      come() { echo "fetched" >&2; printf %s "$1"; }
    `;
    const { stdout, stderr } = await runLibrary(shell, path, `${prelude}\n${script}`);
    return { stdout, stderr };
  }

  test('a blob is fetched once, and kept across boots only after it was found to be right', async () => {
    const device = await makeDevice();
    const keeping = { cache: cache(device) };
    const first = await boot(
      keeping,
      'cache_open; fetch one two; fetch one one; fetch one no; cat $slipway_work/got; cache_close',
    );
    expect(first).toEqual({ stdout: 'one', stderr: 'fetched\nfetched\n' });
    const second = await boot(keeping, 'cache_open && fetch one no && cat $slipway_work/got; cache_close');
    expect(second).toEqual({ stdout: 'one', stderr: '' });
  });

  test('a blob with a byte changed is never printed: it is removed, and fetched anew', async () => {
    const device = await makeDevice();
    const keeping = { cache: cache(device) };
    await boot(
      keeping,
      `cache_open; fetch one one; printf X | dd of=$containers_kept/blobs/sha256/${hex('one')} conv=notrunc; cache_close`,
    );
    const { stdout, stderr } = await boot(
      keeping,
      `cache_open; cache_bytes ${hex('one')} come new; ls $containers_kept/blobs/sha256; cache_close`,
    );
    expect(stdout).toBe('new');
    expect(stderr).toBe(
      `console: the cache device has a wrong copy of blob ${hex('one')}: it is removed, and fetched anew\nfetched\n`,
    );
  });

  test('without a device all works and nothing is kept', async () => {
    const { stdout, stderr } = await boot(
      {},
      `cache_open; fetch one one; fetch one one; cat $slipway_work/got
      cache_prune ${hex('one')}; echo "[$containers_kept] $([ -d $containers_scratch ] && echo there)"; cache_close`,
    );
    expect({ stdout, stderr }).toEqual({ stdout: 'one[] there\n', stderr: 'fetched\nfetched\n' });
  });

  test('what an earlier boot left unpacked or put aside is removed; a job after another finds it', async () => {
    const device = await makeDevice();
    const keeping = { cache: cache(device) };
    // Power is lost while a blob is copied: its name is not there yet.
    await boot(
      keeping,
      `cache_open; mkdir $containers_scratch/layers; cache_open; [ -d $containers_scratch/layers ] || exit
      cache_bytes ${hex('one')} come o > /dev/null; sync; kill -9 $$`,
    );
    const { stdout } = await boot(
      keeping,
      `cache_open; ls -R $containers_scratch $containers_kept/blobs | grep -v :; fetch one one; cache_close`,
    );
    expect(stdout.trim().split(/\s+/).sort()).toEqual(['aside', 'sha256']);
  });

  test('a full device keeps nothing more, says so once, and the blobs come through', async () => {
    const device = await makeDevice();
    const { stdout, stderr } = await boot(
      { cache: cache(device) },
      `cache_open
      head -c 100000000 /dev/zero > $containers_kept/blobs/fill 2> /dev/null
      big() { head -c 3000000 /dev/zero | tr '\\0' x; }
      for number in 1 2; do cache_bytes ${'a'.repeat(64)} big | wc -c; cache_commit ${'a'.repeat(64)}; done
      ls $containers_kept/blobs/sha256 $containers_scratch/aside | grep -c aaa; cache_close`,
    );
    expect(stdout).toBe('3000000\n3000000\n0\n');
    expect(stderr).toBe('console: the cache device is full: no more images are kept there\n');
  });

  test('where a layer did not fit, what this boot has not used makes room', async () => {
    const device = await makeDevice();
    const keeping = { cache: cache(device) };
    await boot(
      keeping,
      'cache_open; fetch one one; fetch two two; touch -d 2020-01-01 $containers_kept/blobs/sha256/*; cache_close',
    );
    const { stdout } = await boot(
      keeping,
      `cache_open; touch -d 2021-01-01 $containers_run/cache-opened; fetch one no
      cache_make_room; echo $?; ls $containers_kept/blobs/sha256; cache_make_room; echo $?; cache_close`,
    );
    expect(stdout).toBe(`0\n${hex('one')}\n1\n`);
  });

  test('the least recently used blobs go when the limit is passed, never those in use', async () => {
    const device = await makeDevice();
    const { stdout } = await boot(
      { cache: cache(device, 2_500_000) },
      `cache_open
      cd $containers_kept/blobs/sha256
      for name in a b c d e; do
        long=$(printf '%064d' 0 | tr 0 $name)
        head -c 1000000 /dev/urandom > $long; touch -d "2026-01-0$(printf $name | tr abcde 12345)" $long
      done
      cache_prune $(printf '%064d' 0 | tr 0 a); for name in *; do echo \${name%?????????????????????????????????????????????????????????????}; done; cd /; cache_close`,
    );
    expect(stdout).toBe('aaa\neee\n');
  });

  test('a file system that is damaged is an error, and is not made anew', async () => {
    const device = await makeDevice();
    await must('sh', [
      '-c',
      'dd if=/dev/urandom of="$0" bs=1024 seek=2 count=400 conv=notrunc 2> /dev/null; sync',
      device,
    ]);
    const { stdout } = await boot({ cache: { ...cache(device), allow_format: true } }, 'cache_open || why');
    expect(stdout).toMatch(/the file system of the cache device \S+ cannot be mounted: .*\nRepair it with e2fsck/);
    expect(await must('blkid', ['-p', device])).toContain('LABEL="slipway-cache"');
  });

  test('links in the place of directories are not followed', async () => {
    const device = await makeDevice();
    const victim = await folder();
    await writeFile(join(victim, 'file'), '');
    await boot(
      { cache: cache(device) },
      `cache_open; rm -r $containers_kept/volumes; ln -s ${victim} $containers_kept/volumes; cache_close`,
    );
    const { stdout } = await boot({ cache: cache(device) }, 'cache_open || why');
    expect(stdout).toMatch(/slipway-cache\/volumes is no directory\n/);
    expect(await must('ls', [victim])).toBe('file\n');
  });

  test('volumes are kept for ever, or until the pipeline ends or another boot begins', async () => {
    const device = await makeDevice();
    const document = {
      cache: cache(device),
      volumes: [volume('stay', {}), volume('go', { keep: 'pipeline' }), volume('ram', { place: 'memory', size: 4096 })],
    };
    const use = `cache_open && volumes_expire || why
      for name in stay go ram; do volume_open $name || why; ls $volume_dir; echo x > $volume_dir/$name; done`;
    const close = 'volumes_close; cache_close; grep -c $slipway_run /proc/mounts';
    expect((await boot(document, `${use}; ${close}`)).stdout).toBe('0\n');
    expect((await boot(document, `${use}; volumes_expire; volume_open stay; ls $volume_dir; ${close}`)).stdout).toBe(
      'stay\nstay\n0\n',
    );
    // The boot before had another document.
    await boot(document, `cache_open; volume_open go; echo x > $volume_dir/left; ${close}`);
    const other = await boot(
      { ...document, volumes: [] },
      `cache_open; volumes_expire; ls $containers_kept/volumes/*; ${close}`,
    );
    expect(other.stdout).toMatch(/always:\nstay\n\n.*pipeline:\n0\n$/);
  });

  /** In the place of encryption, which a kernel may lack: what is opened is the file itself. It lets no discards through. */
  const NO_LUKS = `
    cryptsetup() { [ $1 = close ] || cat > /dev/null; [ $1 != open ] || echo "$6" > $slipway_run/opened; }
    mkdir $slipway_run/bin
    printf '#!/bin/sh\\nexec /usr/sbin/mkfs.ext4 -q -F -E nodiscard "$(cat %s)"' $slipway_run/opened > $slipway_run/bin/mkfs.ext4
    chmod 755 $slipway_run/bin/mkfs.ext4
    PATH=$slipway_run/bin:$PATH
    e2fsck() { :; }
    mount() {
      for last; do :; done
      case " $* " in
        *' /dev/mapper/'*) command mount -o loop "$(cat $slipway_run/opened)" "$last" ;;
        *) command mount "$@" ;;
      esac
    }
  `;

  test('the file of an encrypted volume has its room from the beginning, and is no plain volume', async () => {
    const device = await makeDevice(64 * MIB);
    const luks = { key: 'key', size: 20 * MIB };
    const document = { cache: cache(device), volumes: [volume('x', { luks }), volume('x.luks', {})] };
    const { stdout } = await boot(
      document,
      `${NO_LUKS}
      cache_open; volume_open x.luks || why; echo plain > $volume_dir/f
      volume_open x || why; echo secret > $volume_dir/f
      at=$containers_kept/volumes/always
      [ $(($(stat -c %b $at/.x.luks) * 512)) -ge ${20 * MIB} ] && echo whole
      umount $volume_dir
      cat $at/x.luks/f; ls -A $at; cache_close`,
    );
    expect(stdout).toBe('whole\nplain\n.x.luks\nx.luks\n');
  });

  test('an encrypted volume that does not fit on the device is not made, and keeps no room there', async () => {
    const device = await makeDevice();
    const luks = { key: 'key', size: 64 * MIB };
    const { stdout } = await boot(
      { cache: cache(device), volumes: [volume('x', { luks })] },
      `${NO_LUKS}
      cache_open; volume_open x || why; ls -A $containers_kept/volumes/always | wc -l; cache_close`,
    );
    expect(stdout).toMatch(
      /^the cache device has no room for the 67108864 bytes of the encrypted volume x: .*No space left.*\nGive the volume .*\n0\n$/,
    );
  });

  test('a volume that cannot be is an error with a remedy', async () => {
    const volumes = [volume('kept', {}), volume('ram', { place: 'memory', size: 8192 })];
    const { stdout } = await boot(
      { volumes },
      'cache_open; for name in kept .. a/b "" .x; do volume_open "$name" || why; done',
    );
    expect(stdout).toMatch(
      /^the volume kept is to be on the cache device, and there is none\nGive this machine cache: .*\n/,
    );
    expect(stdout.match(/is no name of a volume/g)).toHaveLength(4);
    const full = await boot(
      { volumes },
      'cache_open; volume_open ram; head -c 20000 /dev/zero > $volume_dir/a || echo full; volumes_close',
    );
    expect(full.stdout).toBe('full\n');
  });

  test('an image is pulled once, and is there without its registry at the next boot', async () => {
    const device = await makeDevice();
    const { host, asked, stop } = await startHostileRegistry([{ name: 'motd', content: 'hello' }], () => false);
    const image = { reference: `${host}/boot/node:v1`, name: 'x', plain_http: true };
    const document = { cache: cache(device), steps: [{ image }] };
    const pull = `for part in images log; do . $slipway_parts/containers-$part.sh; done
      containers_images=$containers_run/images slipway_sha256= slipway_tries=1
      if cache_open && containers_pull_images; then cat $containers_scratch/layers/*/t/motd; else why; fi; cache_close`;
    expect((await boot(document, pull)).stdout).toBe('hello');
    expect(asked.layer).toBe(1);
    await stop();
    expect((await boot(document, pull)).stdout).toBe('hello');
  });
});
