import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeTar } from '../support/image-layers.ts';
import { must } from '../support/process.ts';
import { type Member, ociArchive, tar } from './archives.ts';
import { folder, runLibrary, SHELLS } from './shell.ts';

// Nothing that was not verified reaches what verifies: not through links, and not by being run.

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  /** Unpacks layers, and gives what became of them. */
  async function unpack(layers: readonly (readonly Member[])[], more = '') {
    const path = await folder();
    await writeFile(join(path, 'root.oci'), ociArchive(layers));
    const finished = await runLibrary(
      shell,
      path,
      `slipway_receive slipway_new_memory ${path}/root.oci '' oci_receive $slipway_root; status=$?\n${more}\nexit $status`,
    );
    const read = (name: string) => readFile(join(path, name), 'utf8').catch(() => undefined);
    return { ...finished, read, root: join(path, 'memory/root'), failure: (await read('failure'))?.trim() };
  }

  test('what exists where a link leads outside is not written, replaced or removed', async () => {
    const outside = await folder();
    await mkdir(join(outside, 'directory'));
    for (const name of ['file', 'victim', 'directory/file']) await writeFile(join(outside, name), 'mine');
    const { failure, root } = await unpack([
      [{ name: 'var/' }, { name: 'var/run', link: outside }],
      [
        { name: 'var/run/directory', content: 'a file now' },
        { name: 'var/run/file', content: 'x' },
      ],
      [{ name: 'var/run/.wh.victim' }, { name: 'var/run/.wh..wh..opq' }, { name: 'var/run/new', content: 'x' }],
    ]);
    expect(failure).toBeUndefined();
    for (const name of ['file', 'victim', 'directory/file']) {
      expect(await readFile(join(outside, name), 'utf8')).toBe('mine');
    }
    expect(await readFile(join(root, outside, 'new'), 'utf8')).toBe('x');
  });

  test.each<readonly [string, readonly (readonly Member[])[]]>([
    ['a file', [[{ name: '.sw', content: 'x' }]]],
    ['a file in it', [[{ name: '.sw/tar', content: 'x' }]]],
    ['a link', [[{ name: './.sw', link: '/etc' }]]],
    ['a link to it', [[{ name: 'a', link: '.sw' }], [{ name: 'a/sh', content: 'x' }]]],
    ['a hard link to what is in it', [[{ name: 'a', same: '.sw/sh' }]]],
  ])('the name of the programs that unpack is refused: %s', async (_, layers) => {
    const { failure, code } = await unpack(layers);
    expect(code).toBe(1);
    expect(failure).toMatch(/^the archive cannot be unpacked: tar: /);
  });

  test('nothing is left of the programs that unpack, and the top directory keeps its time', async () => {
    const layer = [{ name: './' }, { name: 'etc/' }, { name: '.wh..sw' }, { name: '.wh..wh..opq' }];
    const { root, code } = await unpack([[{ name: 'usr/' }], layer]);
    expect(code).toBe(0);
    expect(await must('stat', ['-c', '%Y', root])).toBe('1700000000\n');
    expect(await must('ls', ['-A', root])).toBe('etc\n');
  });

  test('the programs that unpack load nothing of the tree', async () => {
    const { code, stdout } = await unpack(
      [
        [
          { name: 'etc/' },
          { name: 'etc/ld.so.preload', content: '/usr/lib/x.so\n' },
          { name: 'usr/lib/x.so', content: 'x' },
        ],
        [{ name: 'etc/.wh.nothing' }],
      ],
      // glibc would complain of what it cannot load; nor has any program a path in it where it would look.
      `cat $slipway_work/*.err; echo; LC_ALL=C grep -l -a -E '(^|[^w])/(etc|usr|lib|lib64|proc|sys)/[a-z]' $slipway_tools/*; :`,
    );
    expect(code).toBe(0);
    expect(stdout.trim()).toMatch(/^(\S+\/oci-tree\.sh)?$/);
  });

  test('a pipe of the image in place of what a library reads keeps nobody waiting', async () => {
    const path = await folder();
    await writeFile(join(path, 'x.tar'), tar([{ name: 'x' }]));
    const { code } = await runLibrary(
      shell,
      path,
      `mkdir -p $slipway_root/proc $slipway_root/etc $slipway_root/dev
      mkfifo $slipway_root/proc/filesystems $slipway_root/proc/mounts $slipway_root/etc/ld.so.preload $slipway_root/dev/null
      slipway_unpack $slipway_root < ${path}/x.tar && echo '"proc/.wh.mounts"' > $slipway_work/members &&
        oci_in_tree $slipway_root whiteouts && [ -p $slipway_root/proc/filesystems ] && [ ! -e $slipway_root/proc/mounts ]`,
    );
    expect(code).toBe(0);
  });

  test('names in a header of their own, and not in ASCII, are kept', async () => {
    const path = await folder();
    const name = `${'d'.repeat(120)}/ä\u{1f980}`;
    await writeFile(join(path, 'x.tar'), makeTar([{ name: Buffer.from(name).toString('latin1'), content: 'x' }]));
    await runLibrary(shell, path, `slipway_unpack $slipway_root < ${path}/x.tar`);
    expect(await readFile(join(path, 'memory/root', name), 'utf8')).toBe('x');
  });

  test('a layer that is no tar archive is refused for what it is, and the layers below it stay', async () => {
    const path = await folder();
    const layout = [[{ name: 'etc/' }, { name: 'etc/motd', content: 'below' }]];
    await writeFile(join(path, 'lower'), tar(layout.flat()));
    await writeFile(join(path, 'upper'), 'this is no tar archive at all'.repeat(100));
    const { code, stdout } = await runLibrary(
      shell,
      path,
      `for layer in lower upper; do
        oci_unpack_layer $slipway_root sha256:$(sha256sum < ${path}/$layer | cut -d ' ' -f 1) < ${path}/$layer; echo $?
      done; cat $slipway_root/etc/motd`,
    );
    expect(stdout).toBe('0\n1\nbelow');
    expect(code).toBe(0);
    expect(await readFile(join(path, 'failure'), 'utf8')).toContain('This does not look like a tar archive');
  });

  test.each(['usr/../etc/x', '../x', 'usr/..'])('a member named %s is refused', async (name) => {
    const { code, failure } = await unpack([[{ name: 'usr/' }], [{ name, content: 'x' }]]);
    expect(code).toBe(1);
    expect(failure).toMatch(/^the archive cannot be unpacked: /);
    expect(failure).toContain(`"${name}"`);
  });

  test('links that lead to each other end in a reason', async () => {
    const { code, failure } = await unpack([
      [
        { name: 'a', link: 'b' },
        { name: 'b', link: 'a' },
      ],
      [{ name: 'a/x' }],
    ]);
    expect(code).toBe(1);
    expect(failure).toContain('Too many levels of symbolic links');
  });
});

test.each([
  ['', 1],
  ['/', 1],
  ['/etc', 1],
  ['$slipway_run', 1],
  ['$slipway_run/', 1],
  ['$slipway_run/../etc', 1],
  ['$slipway_root/..', 1],
  ['$slipway_root', 0],
  ['$slipway_run-nbd', 0],
])('"%s" is told from what the modules may mount on and remove', async (path, code) => {
  expect((await runLibrary(['dash'], await folder(), `slipway_is_ours "${path}"`)).code).toBe(code);
});
