import { expect, it } from 'vitest';
import { indexLayers } from '../../src/images/rootfs/flatten.ts';
import { encodeHeader } from '../../src/images/tar/tar-header.ts';
import { encodePax } from '../../src/images/tar/tar-pax.ts';
import { memoryFile } from '../../src/model/files/random-access.ts';
import { type Member, makeTar } from '../support/image-layers.ts';

const index = (...tars: readonly Uint8Array[]) => indexLayers(tars.map(memoryFile));
const symlink = (name: string, linkname: string): Member => ({ name, type: 'symlink', linkname });

/** An extended header of the kind `flag`. */
function extended(flag: string, body: Uint8Array): Buffer {
  const plain = { mode: 0o644, uid: 0, gid: 0, mtime: 0, linkname: '', major: 0, minor: 0 };
  const head = encodeHeader({ ...plain, name: 'x', size: body.length, flag });
  return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** Keywords of attributes, each another. */
const attributes = (count: number, value = 'v') =>
  encodePax(Array.from({ length: count }, (_, i) => [`SCHILY.xattr.user.${i}`, value] as const));

it('a link to 400,001 parts is not followed', async () => {
  const tar = makeTar([symlink('l', 'a/'.repeat(400_000)), { name: 'l/x', content: 'x' }]);
  await expect(index(tar)).rejects.toThrow('l: the target of a symbolic link is too long');
});

it('links of the longest kind, one behind the other, are followed in no time', async () => {
  const long = './'.repeat(2000);
  const links = Array.from({ length: 39 }, (_, i) => symlink(`l${i}`, `${long}l${i + 1}`));
  const members = Array.from({ length: 100 }, (_, i) => ({ name: `l0/${i}`, content: 'x' }));
  const tree = await index(makeTar([...links, { name: 'l39', type: 'directory' }, ...members]));
  expect(tree.steps).toBeGreaterThan(7_000_000);
});

it('more steps than any image takes end it', async () => {
  const long = './'.repeat(2000);
  const links = Array.from({ length: 39 }, (_, i) => symlink(`l${i}`, `${long}l${i + 1}`));
  const members = Array.from({ length: 2000 }, (_, i) => ({ name: `l0/${i}`, content: '' }));
  await expect(index(makeTar([...links, { name: 'l39', type: 'directory' }, ...members]))).rejects.toThrow(
    'its links are too long and too many to be followed',
  );
});

it('directories are not followed deeper than names can say', async () => {
  const steps = 'a/'.repeat(1000);
  const deep = [{ name: steps, type: 'directory' } as const, symlink('s', steps), { name: `s/${steps}x`, content: '' }];
  await expect(index(makeTar(deep))).rejects.toThrow('directories lie in each other 1024 deep');
});

it('a global header of 100,000 attributes is refused', async () => {
  const tar = Buffer.concat([extended('g', attributes(100_000)), makeTar([{ name: 'a' }, { name: 'b' }])]);
  await expect(index(tar)).rejects.toThrow('layer 1 of 1: a global header has more than 100 keywords');
});

it('headers that pile up before a member are refused', async () => {
  const one = extended('x', attributes(10_000));
  const tar = Buffer.concat([...Array.from({ length: 20 }, () => one), makeTar([{ name: 'a' }])]);
  await expect(index(tar)).rejects.toThrow('an extended header is too long');
});

it('what is said of all members is bounded', async () => {
  const global = extended('g', attributes(100, 'v'.repeat(20_000)));
  const members = Array.from({ length: 1000 }, (_, i) => ({ name: String(i) }));
  await expect(index(Buffer.concat([global, makeTar(members)]))).rejects.toThrow(
    /the archive has too many or too long names and attributes/,
  );
});

it('a signal is heard in the middle of an archive in memory', async () => {
  const ending = new AbortController();
  const members = Array.from({ length: 30_000 }, (_, i) => ({ name: `d/${i}` }));
  const indexing = indexLayers([memoryFile(makeTar(members))], ending.signal);
  setImmediate(() => ending.abort(new Error('ended by SIGTERM')));
  await expect(indexing).rejects.toThrow('ended by SIGTERM');
});
