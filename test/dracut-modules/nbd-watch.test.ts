import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { start } from '../support/process.ts';
import { MODULES, SHELLS, scratch } from './shell.ts';

// The watcher with the kernel's part played by files: `failed` is a path that multipath has given up, `up` a server that
// answers, `damaged` a block that verity refused.

const DMSETUP = `#!/bin/sh
cd "$(dirname "$0")/.."
case "$1 $2" in
    wait*) [ -e waited ] || echo "dmsetup $*" >> log; : > waited ;;
    status* | info*) ;;
    *) echo "dmsetup $*" >> log ;;
esac
case "$1 $2" in
    info*) echo 5 ;;
    'status slipway-path')
        if [ -e failed ]; then echo '0 1000 multipath 2 0 0 0 1 1 E 0 1 0 43:0 F 1'; else echo '0 1000 multipath 2 0 0 0 1 1 A 0 1 0 43:0 A 0'; fi ;;
    'status slipway-root') if [ -e damaged ]; then echo '0 900 verity C'; else echo '0 900 verity V'; fi ;;
    resume*) rm -f failed waited ;;
    wait*) while [ ! -e failed ]; do sleep 1; done ;;
esac
`;

const NBD_CLIENT = `#!/bin/sh
cd "$(dirname "$0")/.."
echo "nbd-client $*" >> log
[ "$1" = -d ] || [ -e up ] || { echo 'E: the server says no'; exit 1; }
`;

/** A second of the watcher's is a twentieth of one here. */
const SLEEP = `#!/bin/sh
exec ${existsSync('/bin/sleep') ? '/bin/sleep' : '/usr/bin/sleep'} 0.05
`;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function watch() {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    for (const device of [0, 1]) await mkdir(join(path, `block/nbd${device}`), { recursive: true });
    await mkdir(join(path, 'bin'));
    const files: Readonly<Record<string, string>> = {
      'bin/dmsetup': DMSETUP,
      'bin/nbd-client': NBD_CLIENT,
      'bin/sleep': SLEEP,
      settings: `host=192.0.2.10 port=10809 digest=abc sectors=1000 verity=def path=/dev/null`,
      'block/nbd0/size': '1000\n',
      'block/nbd1/size': '1000\n',
      'block/nbd0/dev': '43:0\n',
      'block/nbd1/dev': '43:32\n',
    };
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(path, name), content);
      if (name.startsWith('bin/')) await chmod(join(path, name), 0o755);
    }
    const script = (await readFile(join(MODULES, '90slipway-nbd/nbd-watch.sh'), 'utf8'))
      .replace(/^PATH=.*$/m, `PATH=${path}/bin:$PATH`)
      .replace('. /settings', `. ${path}/settings`)
      .replaceAll('> /dev/kmsg', `>> ${path}/kmsg`)
      .replaceAll('/sys/block/', `${path}/block/`)
      .replaceAll('/client.log', `${path}/client.log`);
    await writeFile(join(path, 'watch'), script);
    // A group of its own, which ends as a whole.
    const running = start('setsid', [...shell, join(path, 'watch')]);
    cleanups.push(async () => {
      process.kill(-(running.child.pid ?? Number.NaN), 'SIGKILL');
      await running.exit;
    });
    const read = async (name: string) => readFile(join(path, name), 'utf8').catch(() => '');
    const until = (name: string, text: string) => expect.poll(() => read(name), { timeout: 30_000 }).toContain(text);
    return {
      until,
      read,
      set: (name: string) => writeFile(join(path, name), ''),
    };
  }

  test('a lost connection is made anew on the other device, as often as it takes, and reads that wait are kept', async () => {
    const { until, read, set } = await watch();
    await until('log', 'dmsetup wait slipway-path 5');
    await set('failed');
    await until('kmsg', 'the connection to 192.0.2.10 port 10809 is lost: reads of the root wait');
    await until('kmsg', 'no connection to 192.0.2.10 port 10809 yet: E: the server says no');
    await set('up');
    await until('kmsg', 'connected to 192.0.2.10 port 10809 again');
    const log = (await read('log')).split('\n');
    // First what the dead connection still owes is let go.
    expect(log[1]).toBe('nbd-client -d /dev/nbd0');
    expect(log).toContain('nbd-client 192.0.2.10 10809 /dev/nbd1 -N abc -b 4096 -t 30');
    const reload = log.findIndex((line) => line.startsWith('dmsetup reload slipway-path --readonly'));
    expect(log[reload]).toMatch(/ 0 1000 multipath 3 queue_if_no_path .* 43:32$/);
    expect(log[reload + 1]).toMatch(/^dmsetup resume slipway-path --noflush/);
    // And back again the next time.
    const count = async (text: string) => (await read('log')).split(text).length - 1;
    await expect.poll(() => count('dmsetup wait'), { timeout: 30_000 }).toBe(2);
    await set('failed');
    await expect.poll(() => count('dmsetup resume'), { timeout: 30_000 }).toBe(2);
    expect(await read('log')).toMatch(/-d \/dev\/nbd1\n(.*\n)*.*\/dev\/nbd0 -N abc.*\n.* 43:0\n.*resume/);
  });

  test('a block that verity refused is told of once', async () => {
    const { until, read, set } = await watch();
    await set('damaged');
    await until(
      'kmsg',
      'blocks of image abc on 192.0.2.10 are damaged: what the server sends does not fit root hash def',
    );
    await set('failed');
    await set('up');
    await until('kmsg', 'again');
    expect((await read('kmsg')).match(/damaged/g)).toHaveLength(1);
  });
});
