import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { must } from '../support/process.ts';
import { digest, type Member, type Oddities, ociArchive, tar } from './archives.ts';
import { runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Every path below a folder with its kind, mode, content or target, and whether its content is shared. */
async function listing(folder: string): Promise<readonly string[]> {
  const script =
    'find . -mindepth 1 -printf "%P|%y|%m|%l|%n|" \\( -type f -exec cat {} \\; \\) -printf "\\0" -o -printf "\\0"';
  return (await must('sh', ['-c', script], { cwd: folder })).split('\0').filter(Boolean).sort();
}

/** Unpacks an archive and gives what became of it. */
async function unpack(shell: readonly [string, ...string[]], archive: Buffer, before = '') {
  const { path, remove } = await scratch();
  cleanups.push(remove);
  const file = join(path, 'root.oci');
  await writeFile(file, archive);
  const finished = await runLibrary(
    shell,
    path,
    `${before}\nslipway_receive slipway_new_memory ${file} ${digest(archive).slice(7)} oci_receive $slipway_root`,
  );
  const failure = await readFile(join(path, 'failure'), 'utf8').catch(() => '');
  return { ...finished, file, path, root: join(path, 'memory/root'), failure: failure.trim() };
}

const base: readonly Member[] = [
  { name: './' },
  { name: './etc/' },
  { name: './etc/motd', content: 'hello' },
  { name: './etc/passwd', content: 'root' },
  { name: './etc/rc.d/' },
  { name: './etc/rc.d/10-old', content: 'old' },
  { name: './usr/' },
  { name: './usr/bin/' },
  { name: './usr/bin/tool', content: 'tool', mode: 0o4755 },
  { name: './usr/bin/alias', same: './usr/bin/tool' },
  { name: './bin', link: 'usr/bin' },
  { name: './var/' },
  { name: './var/run', link: '/run' },
];

/** Upper layers, each named by what is odd about it, for the tree above. */
const LAYERS: readonly (readonly [string, readonly (readonly Member[])[]])[] = [
  ['one layer alone', []],
  ['a file hidden', [[{ name: 'etc/' }, { name: 'etc/.wh.motd' }]]],
  ['a directory hidden', [[{ name: 'etc/' }, { name: 'etc/.wh.rc.d' }]]],
  ['something hidden that never was', [[{ name: 'etc/.wh.nothing' }]]],
  [
    'an opaque directory, its mark last',
    [[{ name: 'etc/' }, { name: 'etc/new', content: 'n' }, { name: 'etc/.wh..wh..opq' }]],
  ],
  [
    'an opaque directory, its mark first',
    [[{ name: 'etc/.wh..wh..opq' }, { name: 'etc/' }, { name: 'etc/new', content: 'n' }]],
  ],
  [
    'an opaque directory with old names anew',
    [
      [
        { name: 'etc/' },
        { name: 'etc/rc.d/' },
        { name: 'etc/rc.d/20-new', content: 'n' },
        { name: 'etc/.wh..wh..opq' },
      ],
    ],
  ],
  ['a file in place of a directory with content', [[{ name: 'etc/' }, { name: 'etc/rc.d', content: 'now a file' }]]],
  ['a directory in place of a file', [[{ name: 'etc/motd/' }, { name: 'etc/motd/a', content: 'a' }]]],
  ['a directory in place of a link', [[{ name: 'bin/' }, { name: 'bin/sh', content: 'sh' }]]],
  ['one of two hard links replaced', [[{ name: 'usr/bin/tool', content: 'other' }]]],
  ['a hard link to a file of a lower layer', [[{ name: 'usr/bin/third', same: 'usr/bin/tool' }]]],
  [
    'the names of two layers hidden by a third',
    [
      [{ name: 'opt/' }, { name: 'opt/x', content: 'x' }],
      [{ name: '.wh.opt' }, { name: 'etc/.wh.motd' }],
    ],
  ],
  [
    'names with a line break, a blank, a quote, a per cent sign and a backslash',
    [
      [
        { name: 'a/' },
        { name: 'a/\nusr', content: '1' },
        { name: 'a/"\\n %d', content: '2' },
        { name: 'a/\u00e4 ', content: '3' },
      ],
      [{ name: 'a/.wh.\nusr' }, { name: 'a/.wh."\\n %d' }],
      [{ name: 'a/' }, { name: 'a/-f', content: '4' }, { name: 'a/.wh..wh..opq' }],
    ],
  ],
  ['a file below an absolute link', [[{ name: 'run/' }], [{ name: 'var/run/app/app.conf', content: 'c' }]]],
  ['a file below an absolute link that leads nowhere', [[{ name: 'var/run/app.conf', content: 'c' }]]],
  ['a directory below a relative link that leads nowhere', [[{ name: 'lib', link: 'usr/lib' }], [{ name: 'lib/x/' }]]],
  [
    'a link and what is below it in one layer',
    [
      [
        { name: 'srv/' },
        { name: 'etc/srv', link: '/srv' },
        { name: 'etc/srv/x', content: 'x' },
        { name: 'etc/up', link: '../../../../srv' },
        { name: 'etc/up/y', content: 'y' },
      ],
    ],
  ],
  [
    'a chain of links, up and down',
    [
      [
        { name: 'c/' },
        { name: 'c/d/' },
        { name: 'a', link: '/b' },
        { name: 'b', link: 'c/../../../c/e' },
        { name: 'c/e', link: '../../c/d' },
      ],
      [
        { name: 'a/file', content: 'f' },
        { name: 'a/tool', same: 'bin/tool' },
      ],
      [{ name: 'b/.wh.file' }, { name: 'a/link', link: '../x' }],
    ],
  ],
  [
    'a file hidden below a link, and one that it brings itself',
    [
      [{ name: 'run/' }, { name: 'run/old', content: 'o' }, { name: 'run/kept', content: 'k' }],
      [{ name: 'var/run/.wh.old' }, { name: 'var/run/new', content: 'n' }],
    ],
  ],
  [
    'an opaque directory below a link',
    [
      [{ name: 'run/' }, { name: 'run/old', content: 'o' }, { name: 'run/d/' }, { name: 'run/d/old', content: 'o' }],
      [{ name: 'var/run/new', content: 'n' }, { name: 'var/run/d/' }, { name: 'var/run/.wh..wh..opq' }],
    ],
  ],
  [
    'an opaque directory whose own entries come through a link',
    [
      [{ name: 'run/' }, { name: 'run/old', content: 'o' }],
      [{ name: 'var/run/new', content: 'n' }, { name: 'run/.wh..wh..opq' }, { name: 'run/more', content: 'm' }],
    ],
  ],
  [
    'a file over a directory with content below a link',
    [
      [{ name: 'run/' }, { name: 'run/d/' }, { name: 'run/d/x', content: 'x' }],
      [{ name: 'var/run/d', content: 'now a file' }],
    ],
  ],
  [
    'a directory in place of a link, then a link in place of a directory',
    [
      [{ name: 'var/run/' }, { name: 'var/run/mine', content: 'm' }],
      [{ name: 'srv/' }, { name: 'var/.wh.run' }],
      [{ name: 'var/run', link: '../srv' }],
      [{ name: 'var/run/x', content: 'x' }],
    ],
  ],
  [
    'a link in place of a directory with content',
    [[{ name: 'etc/rc.d', link: '/usr' }], [{ name: 'etc/rc.d/x', content: 'x' }]],
  ],
  [
    'names that only look like marks',
    [
      [{ name: 'd/' }, { name: 'd/b', content: 'b' }],
      [{ name: 'x/' }, { name: 'x/a.wh.b', content: '1' }, { name: 'x/.whb', content: '2' }],
    ],
  ],
  [
    'marks below a link to the top',
    [
      [{ name: 'top', link: '/' }, { name: 'srv/' }, { name: 'srv/old', content: 'o' }],
      [{ name: 'top/srv/new', content: 'n' }, { name: 'srv/.wh..wh..opq' }, { name: 'top/.wh.bin' }],
    ],
  ],
];

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  describe('gives the same tree as umoci for', () => {
    test.each(LAYERS)('%s', async (_, upper) => {
      const result = await unpack(shell, ociArchive([base, ...upper]));
      expect(result.failure).toBe('');
      expect(result.code).toBe(0);
      const layout = join(result.path, 'layout');
      await mkdir(layout);
      await must('tar', ['-xf', result.file, '-C', layout]);
      const peer = join(result.path, 'peer');
      const rootless = process.getuid?.() === 0 ? [] : ['--rootless'];
      await must('umoci', ['raw', 'unpack', ...rootless, '--image', `${layout}:latest`, peer]);
      expect(await listing(result.root)).toEqual(await listing(peer));
    });
  });

  test('a mark below a link that leads out of the tree removes nothing there', async () => {
    const { path, remove } = await scratch();
    cleanups.push(remove);
    await writeFile(join(path, 'precious'), 'mine');
    const result = await unpack(shell, ociArchive([[{ name: 'out', link: path }], [{ name: 'out/.wh.precious' }]]));
    expect(result.code).toBe(0);
    expect(await readFile(join(path, 'precious'), 'utf8')).toBe('mine');
  });

  const one: readonly (readonly Member[])[] = [[{ name: 'etc/' }, { name: 'etc/motd', content: 'hello' }]];

  test.each<readonly [string, Oddities, string]>([
    ['members named ./index.json and so on', { prefix: './' }, ''],
    ['JSON spread over many lines', { indent: '\t' }, ''],
    ['an index of platforms', { platforms: ['s390x', 'amd64', 'arm64'] }, ''],
    ['a whole reference as its label', { label: 'registry.example.org:5000/boot/debian:latest' }, ''],
    ['another label, asked for', { label: 'v2' }, 'oci_label=v2'],
    ['another label, but only one image', { label: 'v2' }, ''],
  ])('an archive with %s is read', async (_, oddities, before) => {
    const result = await unpack(shell, ociArchive(one, oddities), before);
    expect(result.failure).toBe('');
    expect(await listing(result.root)).toContain('etc/motd|f|644||1|hello');
  });

  test('an archive in the order of its use goes into the tree while it arrives, and nothing waits in between', async () => {
    const upper = [{ name: 'etc/motd', content: 'newer' }];
    const watch = `oci_keep() { echo "kept $oci_member" >&2; head -c "$oci_size" > "$1"; }`;
    const inOrder = await unpack(shell, ociArchive([...one, upper], { inOrder: true }), watch);
    expect(inOrder.failure).toBe('');
    expect(inOrder.stderr.match(/kept .*/g)).toEqual([
      'kept index.json',
      expect.stringContaining('kept blobs/sha256/'),
    ]);
    const asSkopeoWrites = await unpack(shell, ociArchive([...one, upper]), watch);
    expect(asSkopeoWrites.stderr.match(/kept .*/g)).toHaveLength(5);
    expect(await listing(asSkopeoWrites.root)).toEqual(await listing(inOrder.root));
    expect(await listing(inOrder.root)).toContain('etc/motd|f|644||1|newer');
  });

  test('layers that stand in an image twice are unpacked twice', async () => {
    const [a, b] = [[{ name: 'x', content: 'a' }], [{ name: 'x', content: 'b' }]];
    for (const inOrder of [true, false]) {
      const result = await unpack(shell, ociArchive([a, b, a], { inOrder }));
      expect(result.failure).toBe('');
      expect(await listing(result.root)).toEqual(['x|f|644||1|a']);
    }
  });

  test('a layer that puts a file over a directory is unpacked from an archive in order too', async () => {
    const below = [{ name: 'etc/' }, { name: 'etc/rc.d/' }, { name: 'etc/rc.d/10', content: 'old' }];
    const result = await unpack(shell, ociArchive([below, [{ name: 'etc/rc.d', content: 'now' }]], { inOrder: true }));
    expect(result.failure).toBe('');
    expect(await listing(result.root)).toContain('etc/rc.d|f|644||1|now');
  });

  test('a size that does not fit into a header is read from the one before it', async () => {
    const archive = ociArchive(one, { inOrder: true });
    // Its own length comes first, in two digits here.
    const record = (size: number) => `${` size=${size}\n`.length + 2} size=${size}\n`;
    const index = archive.subarray(0, 512);
    const size = Number.parseInt(index.toString('latin1', 124, 135), 8);
    const extended = tar([{ name: 'pax', content: record(size) }]).subarray(0, 1024);
    extended.write('x', 156);
    const zero = Buffer.from(archive);
    zero.write('00000000000', 124);
    const result = await unpack(shell, Buffer.concat([extended, zero]));
    expect(result.failure).toBe('');
    expect(await listing(result.root)).toContain('etc/motd|f|644||1|hello');
  });

  test('a label that the archive lacks is refused, and those that it has are named', async () => {
    const result = await unpack(shell, ociArchive(one, { label: 'v2' }), 'oci_label=v3');
    expect(result.code).not.toBe(0);
    expect(result.failure).toBe('the archive has no image labelled v3; its labels: v2');
  });

  test('an image for other machines is refused', async () => {
    const result = await unpack(shell, ociArchive(one, { platforms: ['s390x'] }));
    expect(result.failure).toContain('the image is not for this machine');
  });

  test('one flipped bit in a layer is refused with both digests', async () => {
    let expected = '';
    const archive = ociArchive(one, {
      tamper: (blobs, layers) => {
        expected = String(layers[0]);
        const blob = blobs.get(expected);
        if (blob) blob[9] = (blob[9] ?? 0) ^ 1;
      },
    });
    const result = await unpack(shell, archive);
    expect(result.code).not.toBe(0);
    expect(result.failure).toMatch(
      new RegExp(`layer ${expected} of .* wrong SHA-256.* expected [0-9a-f]{64}, got [0-9a-f]{64}`),
    );
  });

  test.each(['index', 'manifest'] as const)(
    'one changed byte in the %s is refused with both digests',
    async (which) => {
      const archive = ociArchive(one, {
        platforms: ['s390x', 'amd64'],
        tamper: (blobs, _, documents) => {
          const name = documents[which];
          blobs.set(name, Buffer.concat([blobs.get(name) ?? Buffer.alloc(0), Buffer.from(' ')]));
        },
      });
      const result = await unpack(shell, archive);
      expect(result.code).not.toBe(0);
      expect(result.failure).toMatch(/^blob sha256:[0-9a-f]{64} of .* expected [0-9a-f]{64}, got [0-9a-f]{64}$/);
    },
  );

  test('an index that contains itself is refused, for no index has its own digest', async () => {
    const archive = ociArchive(one, {
      platforms: ['amd64'],
      tamper: (blobs, _, { index }) => {
        const platform = { os: 'linux', architecture: 'amd64' };
        blobs.set(index, Buffer.from(JSON.stringify({ manifests: [{ digest: index, size: 1, platform }] })));
      },
    });
    expect((await unpack(shell, archive)).failure).toContain('wrong SHA-256 digest');
  });

  test('a configuration that nodes do not need, and a layer of whatever distribution, are no matter', async () => {
    const archive = ociArchive(one, {
      layerType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      tamper: (blobs, _, { config }) => blobs.set(config, Buffer.from('{}')),
    });
    expect((await unpack(shell, archive)).failure).toBe('');
  });

  test('a layer that is elsewhere is named as such', async () => {
    const archive = ociArchive(one, {
      layerType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
      tamper: (blobs, layers) => blobs.delete(String(layers[0])),
    });
    const result = await unpack(shell, archive);
    expect(result.code).not.toBe(0);
    expect(result.failure).toMatch(/^layer sha256:[0-9a-f]{64} is elsewhere, not with the image$/);
  });

  test('a layer that is missing is named', async () => {
    const result = await unpack(shell, ociArchive(one, { tamper: (blobs, layers) => blobs.delete(String(layers[0])) }));
    expect(result.code).not.toBe(0);
    expect(result.failure).toMatch(/^the archive lacks layer sha256:[0-9a-f]{64}$/);
  });

  test('what is no archive at all is refused', async () => {
    const result = await unpack(shell, Buffer.from('<html>Not found</html>'));
    expect(result.code).not.toBe(0);
    expect(result.failure).toContain('is no OCI archive');
  });

  test.each(['gzip -c', 'zstd -q', 'pzstd -q -c', 'xz -c'])(
    'an archive that went through %s is unpacked',
    async (command) => {
      const whole = execFileSync('sh', ['-c', command], { input: ociArchive(one) });
      const result = await unpack(shell, whole);
      expect(result.failure).toBe('');
      expect(await listing(result.root)).toContain('etc/motd|f|644||1|hello');
    },
  );

  test('an archive cut short is refused', async () => {
    const whole = ociArchive(one);
    const result = await unpack(shell, whole.subarray(0, 700));
    expect(result.code).not.toBe(0);
    expect(result.failure).not.toBe('');
  });
});
