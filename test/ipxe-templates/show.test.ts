import { expect, it } from 'vitest';
import { aConfig, aNode, anImage, ignored, mac, settings, sourced } from '../support/config.ts';
import { scriptsFor } from '../support/scripts.ts';

const MAC = mac('52:54:00:00:00:01');
const DIGEST = 'd'.repeat(64);
const root = { method: 'image', source: { kind: 'artifact', path: 'debian/root' } } as const;

/** @param missing a part of the paths of files that are not there */
async function scripts(missing = 'nothing') {
  const image = sourced(anImage(root));
  const node = aNode({ settings: settings({ image, template: sourced('image') }) });
  const config = aConfig([node, aNode({ name: 'n002', macs: [mac('52:54:00:00:00:02')], settings: ignored() })]);
  return scriptsFor(config, async ({ path }) => {
    if (path.includes(missing)) throw new Error('no such file');
    return { digest: DIGEST, size: 7, verity: { rootHash: 'e'.repeat(64), blocks: 1 } };
  });
}

it('a script that is shown is the one that the machine would get, and counts as sent to nobody', async () => {
  const all = await scripts();
  const shown = await all.show(MAC, {});
  expect(all.rolesOf(MAC)).toBeUndefined();
  expect(shown).toEqual(await all.forMac(MAC));
});

it.each([
  ['there is none for a machine that is ignored', '52:54:00:00:00:02', 'nothing', { kind: 'ignored' }],
  ['a file is missing', MAC, 'vmlinuz', { kind: 'unavailable', why: 'debian/vmlinuz: no such file' }],
])('%s', async (_, machine, missing, expected) => {
  expect(await (await scripts(missing)).show(mac(machine), {})).toMatchObject(expected);
});

it('what an image is made of has the digests and sizes of its files', async () => {
  const file = { sha256: DIGEST, bytes: 7 };
  expect(await (await scripts()).contentsOf('debian')).toEqual({
    method: 'image',
    version: DIGEST,
    build: undefined,
    files: [
      { role: 'kernel', name: 'vmlinuz', ...file },
      { role: 'initrd', name: 'initrd.img', ...file },
      { role: 'root', name: 'root', ...file },
    ],
  });
  expect(await (await scripts('root')).contentsOf('debian')).toEqual({ why: 'debian/root: no such file' });
  expect(await (await scripts()).contentsOf('other')).toEqual({ why: 'there is no image other' });
});
