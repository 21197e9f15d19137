import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { run } from '../support/process.ts';
import { MODULES, runLibrary, SHELLS, scratch } from './shell.ts';

const scripts = readdirSync(MODULES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.sh'));

test('every script of the modules passes shellcheck as POSIX sh', async () => {
  expect(scripts.length).toBeGreaterThan(10);
  const { stdout, code } = await run('shellcheck', ['-s', 'sh', '-x', ...scripts], { cwd: MODULES });
  expect(stdout).toBe('');
  expect(code).toBe(0);
}, 60_000);

test('the scripts that build images pass shellcheck', async () => {
  const folder = `${MODULES}/../scripts`;
  const { stdout } = await run('shellcheck', ['-x', 'build-image.sh', 'image-files.sh'], { cwd: folder });
  expect(stdout).toBe('');
});

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function value(script: string): Promise<string> {
    const { path, remove } = await scratch();
    const { stdout, stderr, code } = await runLibrary(shell, path, script);
    await remove();
    expect(stderr).toBe('');
    return `${code}:${stdout.trim()}`;
  }

  test.each([
    ['', 0],
    ['3G', 0],
    ['500m', 0],
    ['50%', 0],
    ['1048576', 0],
    ['G', 1],
    ['3GB', 1],
    ['3G,mode=777', 1],
    ['-1', 1],
  ])('rd.tmpfs.size=%s is judged right', async (size, code) => {
    expect(await value(`slipway_is_size '${size}'`)).toBe(`${code}:`);
  });

  test.each([
    ['http://192.0.2.1:8080/a:b/c@d', '192.0.2.1'],
    ['https://user:word@boot.example.org/x?y', 'boot.example.org'],
    ['http://[2001:db8::1]:8080/x', '2001:db8::1'],
    ['tftp://192.0.2.1', '192.0.2.1'],
  ])('the host in %s is found', async (url, host) => {
    expect(await value(`slipway_url_host '${url}'`)).toBe(`0:${host}`);
  });

  test.each([
    ['8000000', '7000000'],
    ['250000', '209040'],
    ['30000', '4096'],
  ])('of %s KiB that are free, the root may take %s', async (free, share) => {
    expect(await value(`slipway_share ${free}`)).toBe(`0:${share}`);
  });

  test('the pauses between tries double up to a limit', async () => {
    const script = 'slipway_pause=16; for try in 1 2 3 4 5 6 7 8; do slipway_backoff $try; done';
    expect((await value(script)).replace(/\s+/g, ' ')).toBe('0:1 2 4 8 16 16 16 16');
  });

  test('a digest has 64 lower-case hex digits and nothing else', async () => {
    const digest = 'a1'.repeat(32);
    expect(await value(`slipway_is_digest ${digest}`)).toBe('0:');
    expect(await value(`slipway_is_digest ${digest}0`)).toBe('1:');
    expect(await value(`slipway_is_digest ../../${digest.slice(6)}`)).toBe('1:');
    expect(await value("slipway_is_digest ''")).toBe('1:');
  });

  test('an absolute link to init is followed inside the root, and a missing one noticed', async () => {
    const tree =
      'mkdir -p $slipway_root/usr/sbin $slipway_root/usr/lib/systemd; ln -s usr/sbin $slipway_root/sbin; ln -s usr/lib $slipway_root/lib';
    const link = `${tree}; ln -s /lib/systemd/systemd $slipway_root/usr/sbin/init`;
    expect(
      await value(`${link}; : > $slipway_root/usr/lib/systemd/systemd; slipway_root_has $slipway_root /sbin/init`),
    ).toBe('0:');
    expect(await value(`${link}; slipway_root_has $slipway_root /sbin/init`)).toBe('1:');
    expect(await value(`${tree}; slipway_root_has $slipway_root /sbin/init`)).toBe('1:');
  });

  test.each([
    ['slipway+nbd:192.0.2.1:10809/00', 'slipway-nbd'],
    ['slipway:http://192.0.2.1/x', 'slipway-image'],
    ['bootc-live:/root.oci', 'bootc-live'],
  ])('root=%s is refused by an initrd that lacks its module', async (root, name) => {
    const script = `
      slipway_methods=$slipway_run/methods; mkdir $slipway_methods
      echo 'slipway_claim() { return 1; }' > $slipway_methods/other.sh
      getarg() { [ $1 = root= ] && echo '${root}'; }
      slipway_find_method && ! slipway_make_root && cat $slipway_run/failure`;
    expect(await value(script)).toBe(`0:this initrd has no dracut module ${name}, which root=${root} needs`);
  });

  test.each([
    ['slipway.containers=', 'http://192.0.2.1/containers/52:54:00:00:00:01/abc', 'cannot run its containers.'],
    ['root=', 'slipway:http://192.0.2.1/x', 'has no root file system.'],
  ])('a boot of %s%s that fails says what it lacks', async (argument, given, lacks) => {
    const script = `
      slipway_methods=$slipway_run/methods; mkdir $slipway_methods
      cp ${MODULES}/90slipway-containers/containers.sh ${MODULES}/90slipway-image/image.sh $slipway_methods
      getarg() { case $1 in ${argument}) echo '${given}' ;; slipway.on_failure=) echo shell ;; *) return 1 ;; esac; }
      slipway_report_failure() { :; }
      slipway_tell() { case $1 in 'This machine'*) echo "$1" ;; esac; }
      emergency_shell() { echo "$3"; }
      slipway_find_method; slipway_give_up`;
    expect(await value(script)).toBe(`0:This machine ${lacks}\nThis machine ${lacks}`);
  });

  test.each(['/dev/sda1', 'live:http://192.0.2.1/x', 'slipway', ''])('root=%s is left to others', async (root) => {
    const script = `
      slipway_methods=$slipway_run/methods; mkdir $slipway_methods
      echo 'slipway_claim() { return 1; }' > $slipway_methods/other.sh
      getarg() { echo '${root}'; }
      slipway_find_method`;
    expect(await value(script)).toBe('1:');
  });
});
