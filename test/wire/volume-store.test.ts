import { chown, lstat, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Mirror } from '../../src/model/containers/document.ts';
import { folder, SHELLS } from '../dracut-modules/shell.ts';
import { startS3Server } from '../support/s3-server.ts';
import { testVolume } from '../support/volume.ts';
import { startVolumeServer } from '../support/volume-server.ts';

/** Odd, but names that both sides can have. */
const NAMES = [
  'plain',
  ' blanks ',
  "it's",
  '"quoted"',
  'ü/名前',
  'a+b&c',
  '50%',
  '%2e%2e',
  'what?#',
  '$(id)',
  'back\\slash',
  '-rf',
  '[x]*',
  'a/b/c/d',
];

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  /** A store, what gives access to it, and machines that mirror the same volume. */
  async function lab(mirror: Partial<Mirror> = {}) {
    const objects = await folder();
    const s3 = await startS3Server(objects);
    const server = await startVolumeServer(s3.store);
    const machine = (more: Partial<Mirror> = {}) => testVolume(shell, server.base, { ...mirror, ...more });
    return { s3, objects, server, machine };
  }
  const write = async (directory: string, files: Readonly<Record<string, string>>) => {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(directory, name, '..'), { recursive: true });
      await writeFile(join(directory, name), content);
    }
  };
  const files = async (directory: string) => {
    const found = await readdir(directory, { recursive: true, withFileTypes: true });
    const plain = found.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
    const read = plain.map(async (path) => [path.slice(directory.length + 1), await readFile(path, 'utf8')] as const);
    return Object.fromEntries(await Promise.all(read));
  };
  const PUSH = 'mirror_push v end $V';
  const PULL = 'mirror_pull v start $V';

  test('what one machine brings another gets, with names, owner, mode and time', async () => {
    const { machine } = await lab();
    const [one, two] = [await machine(), await machine()];
    await write(one.directory, { ...Object.fromEntries(NAMES.map((name) => [name, `this is ${name}`])), empty: '' });
    await chown(join(one.directory, 'plain'), 7, 8);
    await utimes(join(one.directory, 'plain'), 1_500_000_000, 1_600_000_000);
    expect(await one.sh(`chmod 4751 $V/plain; ${PUSH}`)).toMatchObject({ code: 0 });
    expect(await two.sh(PULL)).toMatchObject({ code: 0, stderr: 'volume v: 15 files have come from its store\n' });
    expect(await files(two.directory)).toEqual(await files(one.directory));
    const { uid, gid, mode, mtimeMs } = await lstat(join(two.directory, 'plain'));
    expect([uid, gid, mode & 0o7777, mtimeMs]).toEqual([7, 8, 0o751, 1_600_000_000_000]);
    expect(await readdir(join(two.top, 'volumes/.v.mirror.aside'))).toEqual([]);
  });

  test('only what differs is moved', async () => {
    const { machine, server } = await lab();
    const [one, two] = [await machine(), await machine()];
    await write(one.directory, { same: 'same', changes: 'old' });
    expect((await one.sh(`${PUSH} && ${PUSH}`)).stderr).toMatch(/^volume v: 2 files went.*\n$/);
    expect(server.requests).toEqual(['POST /volumes/v']);
    await two.sh(PULL);
    await write(one.directory, { changes: 'new' });
    expect((await one.sh(PUSH)).stderr).toContain('1 files went to its store, 0 were removed there');
    expect((await two.sh(PULL)).stderr).toBe('volume v: 1 files have come from its store\n');
    expect((await two.sh(PULL)).stderr).toBe('');
    expect(await files(two.directory)).toEqual({ same: 'same', changes: 'new' });
  });

  test('what is removed on one side is removed on the other, where that is asked for', async () => {
    const { machine } = await lab();
    const [one, two, three] = [await machine(), await machine(), await machine({ remove: false })];
    await write(one.directory, { 'a/gone': 'x', stays: 'y' });
    await one.sh(PUSH);
    await two.sh(PULL);
    await three.sh(PULL);
    await rm(join(one.directory, 'a/gone'));
    expect((await one.sh(PUSH)).stderr).toContain('1 were removed there');
    await two.sh(PULL);
    await three.sh(PULL);
    expect(await files(two.directory)).toEqual({ stays: 'y' });
    expect(await files(three.directory)).toEqual({ stays: 'y', 'a/gone': 'x' });
  });

  test('an empty directory in place of a volume removes nothing from the store', async () => {
    const { machine } = await lab();
    const [one, two] = [await machine(), await machine()];
    await write(one.directory, { keep: 'x' });
    await one.sh(PUSH);
    expect((await one.sh(`mv $V $V.old; mkdir $V; ${PUSH}`)).code).toBe(0);
    await two.sh(PULL);
    expect(await files(two.directory)).toEqual({ keep: 'x' });
  });

  test('what patterns exclude, links and names with line breaks stay where they are', async () => {
    const { machine } = await lab({ exclude: ['*.tmp', 'cache'] });
    const [one, two, all] = [await machine(), await machine(), await machine({ exclude: [] })];
    await write(one.directory, {
      a: 'a',
      'b.tmp': 'b',
      'd/c.tmp': 'c',
      'cache/x': 'x',
      cached: 'y',
      'line\nbreak': 'z',
    });
    await symlink('/etc/passwd', join(one.directory, 'link'));
    const pushed = await one.sh(`${PUSH}; printf x > "$V/$(printf 'not\\377utf8')"; ${PUSH}`);
    expect(pushed.code).toBe(0);
    expect(pushed.stderr).toContain('2 links, special files and files with odd names are left out');
    expect(pushed.stderr).toContain('3 links, special files and files with odd names are left out');
    await write(all.directory, { 'other.tmp': 'o' });
    await all.sh(PUSH);
    await two.sh(PULL);
    expect(await files(two.directory)).toEqual({ a: 'a', cached: 'y' });
    expect((await all.sh(PULL)).code).toBe(0);
    expect(await files(all.directory)).toEqual({ a: 'a', cached: 'y', 'other.tmp': 'o' });
  });

  test('a file that changed on both sides stays as it is here, and is brought; where nothing is, the store is right', async () => {
    const { machine } = await lab();
    const [one, two, reader] = [await machine(), await machine(), await machine({ push: [] })];
    await write(one.directory, { f: 'first', same: 'same' });
    await one.sh(PUSH);
    await two.sh(PULL);
    await reader.sh(PULL);
    await write(one.directory, { f: 'from one', same: 'both' });
    await one.sh(PUSH);
    for (const each of [two, reader]) await write(each.directory, { f: 'here', same: 'both' });
    const pulled = await two.sh(`${PULL} && ${PUSH}`);
    expect(pulled.stderr).toBe(
      'volume v: a file changed here and in its store; it stays as it is here: f\n' +
        'volume v: 1 files went to its store, 0 were removed there\n',
    );
    await reader.sh(PULL);
    expect(await files(reader.directory)).toEqual({ f: 'here', same: 'both' });
    await write(reader.directory, { f: 'mine' });
    await reader.sh(PULL);
    expect(await files(reader.directory)).toEqual({ f: 'here', same: 'both' });
  });

  test('a server that dies in the middle of a push is tried again, and the next boot goes on', async () => {
    const { machine, s3, server, objects } = await lab();
    const one = await machine();
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`f${n}`, `${n}`.repeat(1000)]));
    await write(one.directory, many);
    const pushing = one.sh(`mirror_batch=10; ${PUSH}`);
    await expect
      .poll(async () => (await readdir(join(objects, 'lab'), { recursive: true })).length, { timeout: 60_000 })
      .toBeGreaterThan(12);
    await s3.process.stop('SIGKILL');
    const pushed = await pushing;
    expect(pushed.code).toBe(1);
    expect(pushed.stderr).toMatch(/try 1 of 2 failed: f\d+: curl: \(\d+\) /);
    expect(await readFile(join(one.top, 'failure'), 'utf8')).toMatch(/^volume v: f\d+: curl: .* \(after 2 tries\)/);
    expect(await readFile(join(one.top, 'remedy'), 'utf8')).not.toContain('X-Amz');
    const again = await startS3Server(objects);
    server.store = again.store;
    expect((await one.sh(PUSH)).code).toBe(0);
    const two = await machine();
    await two.sh(PULL);
    expect(await files(two.directory)).toEqual(many);
  });

  test('wrong credentials end in a reason, and the secret is nowhere on the machine', async () => {
    const { machine, server } = await lab();
    server.store = { ...server.store, secretKey: 'wrong-secret' };
    const one = await machine();
    await write(one.directory, { a: 'a' });
    const pushed = await one.sh(`${PUSH}; echo $?; ${PULL}; echo $?; ! grep -r wrong-secret ${one.top}`);
    expect(pushed).toMatchObject({ code: 0, stdout: '1\n1\n' });
    expect(pushed.stderr).toContain('returned error: 502');
    expect(pushed.stderr).toMatch(/try 2 of 2 failed: the server's answer about the store: curl: \(22\) .* 502/);
  });

  test('changes go to the store while a watch is on, and what changed last at its end', async () => {
    const { machine } = await lab({ push: ['changes'], pull: ['start'] });
    const [one, two] = [await machine(), await machine()];
    const { code } = await one.sh(`mirror_interval=1; mirror_watch v $V; echo a > $V/a
      until grep -q '"a"' "\${V%/*}/.\${V##*/}.mirror" 2> /dev/null; do sleep 0.1; done
      echo b > $V/b; mirror_stop; ${PUSH}; [ ! -e $containers_run/mirror/v/lock ]`);
    expect(code).toBe(0);
    await two.sh(PULL);
    expect(await files(two.directory)).toEqual({ a: 'a\n', b: 'b\n' });
  });

  test('nothing is done that the document does not ask for', async () => {
    const { machine, server } = await lab({ pull: [], push: ['step'] });
    const one = await machine();
    const { code } = await one.sh(`${PULL} && mirror_pull v step $V && ${PUSH} && mirror_watch v $V && mirror_stop`);
    expect([code, server.requests]).toEqual([0, []]);
  });

  test('power that fails in the middle of a pull leaves whole files, and the next boot goes on', async () => {
    const { machine } = await lab();
    const [one, two] = [await machine(), await machine()];
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`f${n}`, `${n}`.repeat(1000)]));
    await write(one.directory, many);
    await one.sh(PUSH);
    // What puts the fifth file in its place ends there, with the shells above it.
    const failing = `mv() {
      command mv "$@"; echo >> ${two.top}/count
      [ "$(wc -l < ${two.top}/count)" -ne 5 ] || sh -c 'kill -9 "$1" "$(cut -d " " -f 4 /proc/$PPID/stat)" $PPID' sh $$
    }`;
    expect((await two.sh(`${failing}; mirror_at_once=1; ${PULL}; exit $?`)).signal).toBe('SIGKILL');
    const here = await files(two.directory);
    expect(Object.keys(here)).toHaveLength(5);
    expect(many).toMatchObject(here);
    const again = await two.sh(`${PUSH} && ${PULL} || cat $slipway_run/failure`);
    expect(again).toMatchObject({ stdout: '', stderr: 'volume v: 30 files have come from its store\n' });
    expect(await files(two.directory)).toEqual(many);
  });

  test('a file that may be half here after a power failure is fetched again, and not brought', async () => {
    const { machine } = await lab();
    const [one, two] = [await machine(), await machine()];
    await write(one.directory, { f: 'whole' });
    await one.sh(PUSH);
    await write(two.directory, { f: 'wh' });
    await write(two.top, { 'volumes/.v.mirror.pending': 'f\n' });
    expect((await two.sh(PUSH)).stderr).toBe('');
    await two.sh(PULL);
    expect(await files(two.directory)).toEqual({ f: 'whole' });
  });
});
