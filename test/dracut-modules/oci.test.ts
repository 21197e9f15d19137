import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type Member, type Oddities, ociArchive, tar } from './archives.ts';
import { SHELLS, scratch } from './shell.ts';
import { listing, unpack } from './unpacked.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
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
