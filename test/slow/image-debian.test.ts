import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debianLayout } from '../support/debian-image.ts';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import { TOP } from '../support/lab.ts';
import { must } from '../support/process.ts';

// Debian 13 as it is installed, by dracut-ng; image-dracut.test.ts builds and boots Debian 12.

/** Whiteouts over real directories: one file, a directory, and all that lower layers have of one. */
const WHITEOUTS = [
  { name: 'etc/.wh.issue' },
  { name: 'usr/share/.wh.perl5' },
  { name: 'usr/share/zoneinfo/.wh..wh..opq' },
  { name: 'usr/share/zoneinfo/UTC', content: 'new' },
];

let folder: string;
let source: string;
let builder: Builder;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-debian-'));
  await chmod(folder, 0o755);
  source = await debianLayout('trixie', join(folder, 'oci'), WHITEOUTS);
  builder = await createBuilder();
}, 600_000);
afterAll(async () => {
  await builder?.destroy();
  await rm(folder, { recursive: true, force: true });
});

/** Every file with mode, owner, device, time, attributes, links and content. */
const filesIn = async (root: string): Promise<{ readonly files: Record<string, unknown[]> }> =>
  JSON.parse(await must('python3', [join(TOP, 'test/support/image-files.py'), root, 'seconds']));

describe('an image of Debian 13', () => {
  it('becomes kernel, initrd and a root with every file as umoci unpacks it', { timeout: 600_000 }, async () => {
    const built = JSON.parse(await builder.must(['build', source, '--name', 'a', '--root', 'tar.zst', '--json']));
    expect(built.initrd.from).toBe('dracut');
    expect(built.kernel.version).toMatch(/^6\.12\..*-cloud-amd64$/);
    const [found, expected] = [join(folder, 'found'), join(folder, 'umoci')];
    await mkdir(found);
    const options = ['--zstd', '-p', '--numeric-owner', '--same-owner', '--xattrs', '--xattrs-include=*'];
    await must('tar', ['-x', ...options, '-f', join(builder.artifacts, 'a/rootfs.tar.zst'), '-C', found]);
    await must('umoci', ['raw', 'unpack', '--image', source.replace(/^oci:/, ''), expected]);
    const [ours, theirs] = [(await filesIn(found)).files, (await filesIn(expected)).files];
    // umoci leaves the time of its work on directories that it took something out of or put something into.
    for (const files of [ours, theirs]) {
      for (const [path, description] of Object.entries(files)) {
        if (String(description[0]).startsWith('0o4')) description[4] = 'any';
        if (path.startsWith('usr/share/zoneinfo/')) expect(path).toBe('usr/share/zoneinfo/UTC');
      }
    }
    expect(Object.keys(ours).length).toBeGreaterThan(3000);
    expect(ours).toEqual(theirs);
  });
});
