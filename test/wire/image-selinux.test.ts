import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLabeller } from '../../src/images/rootfs/selinux.ts';

/** Debian's package selinux-utils. */
const MATCHPATHCON = ['/usr/sbin/matchpathcon', '/usr/bin/matchpathcon'].find(existsSync);
/** A policy that this machine has, of Debian or of Fedora. */
const CONTEXTS = ['default', 'targeted']
  .map((type) => `/etc/selinux/${type}/contexts/files/file_contexts`)
  .find(existsSync);

/** Paths of each type: some thousand patterns are tried on each. */
const SAMPLE = 1000;

describe.skipIf(MATCHPATHCON === undefined || CONTEXTS === undefined)('the labels of a real policy', () => {
  it('are those that libselinux gives, for files all over this machine', () => {
    const contexts = CONTEXTS ?? '';
    const read = (suffix: string) => (existsSync(contexts + suffix) ? readFileSync(contexts + suffix, 'latin1') : '');
    const texts = ['', '.homedirs', '.local'].map(read);
    const label = createLabeller(texts, ['.subs', '.subs_dist'].map(read));
    const list = (type: string) =>
      execFileSync('find', ['/etc', '/usr', '-xdev', '-type', type, '-print0'], { maxBuffer: 256 << 20 })
        .toString('latin1')
        .split('\0')
        .filter((path) => /^[\x21-\x7e]+$/.test(path) && !path.includes('\\'));
    for (const [letter, mode, type] of [
      ['f', 'file', 'file'],
      ['d', 'dir', 'directory'],
    ] as const) {
      const all = list(letter);
      const every = Math.ceil(all.length / SAMPLE);
      const paths = all.filter((_, index) => index % every === 0);
      for (let i = 0; i < paths.length; i += 1000) {
        const some = paths.slice(i, i + 1000);
        const theirs = execFileSync(MATCHPATHCON ?? '', ['-n', '-f', contexts, '-m', mode, ...some])
          .toString()
          .trim();
        expect(some.map((path) => label(path, type) ?? '<<none>>')).toEqual(theirs.split('\n'));
      }
    }
  });
});
