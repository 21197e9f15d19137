import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { must } from '../support/process.ts';
import { type Member, ociArchive } from './archives.ts';
import { SHELLS, scratch } from './shell.ts';
import { listing, unpack } from './unpacked.ts';

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

/** The tree that umoci makes of an archive. */
async function umociListing(archive: Buffer): Promise<readonly string[]> {
  const { path, remove } = await scratch();
  try {
    await writeFile(join(path, 'root.oci'), archive);
    const layout = join(path, 'layout');
    await mkdir(layout);
    await must('tar', ['-xf', join(path, 'root.oci'), '-C', layout]);
    const peer = join(path, 'peer');
    const rootless = process.getuid?.() === 0 ? [] : ['--rootless'];
    await must('umoci', ['raw', 'unpack', ...rootless, '--image', `${layout}:latest`, peer]);
    return await listing(peer);
  } finally {
    await remove();
  }
}

/** Those that were made already, by the name of their layers: the same for each shell. */
const peers = new Map<string, Promise<readonly string[]>>();

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  describe('gives the same tree as umoci for', () => {
    test.each(LAYERS)('%s', async (name, upper) => {
      const archive = ociArchive([base, ...upper]);
      const peer = peers.get(name) ?? umociListing(archive);
      peers.set(name, peer);
      const result = await unpack(shell, archive);
      expect(result.failure).toBe('');
      expect(result.code).toBe(0);
      expect(await listing(result.root)).toEqual(await peer);
    });
  });
});
