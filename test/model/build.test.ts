import { expect, test } from 'vitest';
import { type Build, fileOfBuild, possibleMatches, rootOf, withRoot } from '../../src/model/boot/build.ts';
import type { Image, Root } from '../../src/model/boot/image.ts';
import { findMatch } from '../../src/model/settings/recognise.ts';
import { aConfig, aNode, anImage, mac, settings, sourced } from '../support/config.ts';

const artifact = (path: string) => ({ kind: 'artifact', path }) as const;
const SQUASHFS: Root = { method: 'image', source: artifact('os/rootfs.squashfs'), size: null };
const EROFS: Root = { method: 'image', source: artifact('os/rootfs.erofs'), size: null };
const TAR: Root = { method: 'container-root', source: artifact('os/rootfs.tar.zst'), size: null };
const MADE: Root = { method: 'container-root', source: { kind: 'image', name: 'os' }, size: null };
const image = (...roots: readonly Root[]): Image => ({ ...anImage(roots[0]), build: { name: 'os', roots } });
const withFiles = (...files: readonly string[]): Build => ({
  id: 'x',
  files: new Map(files.map((file) => [file, { digest: file, size: 1 }])),
});

test('of the roots that a build may have the first is taken that it has', () => {
  expect(rootOf(image(SQUASHFS, EROFS, TAR), withFiles('rootfs.erofs', 'rootfs.tar.zst'))).toBe(EROFS);
  expect(rootOf(image(SQUASHFS, EROFS), withFiles('root.oci'))).toBeUndefined();
});

test('what is of no build, or made while it is sent, is always there', () => {
  const elsewhere: Root = { ...TAR, source: { kind: 'url', url: 'http://192.0.2.1/os/x' } };
  const own: Root = { ...TAR, source: artifact('osx/rootfs.tar.zst') };
  for (const root of [MADE, elsewhere, own, { method: 'none' } as const])
    expect(rootOf(image(root), withFiles())).toBe(root);
  expect(rootOf(anImage(), withFiles())).toBeUndefined();
});

test('a path names a file of a build below its folder alone', () => {
  expect(fileOfBuild('os', 'os/vmlinuz')).toBe('vmlinuz');
  expect(fileOfBuild('os', 'osx/vmlinuz')).toBeUndefined();
  expect(fileOfBuild('os', 'os')).toBeUndefined();
});

test('the template goes with the root where its method named it, and stays where the configuration did', () => {
  const from = (place: string) =>
    settings({ image: sourced(image(SQUASHFS, TAR)), template: { value: 'image', from: place } });
  expect(withRoot(from('images.debian.root.method'), TAR)).toMatchObject({
    image: { value: { root: TAR } },
    template: { value: 'container-root' },
  });
  expect(withRoot(from('profiles.p.template'), TAR).template.value).toBe('image');
});

test('a machine is looked at with each kind of root that its image may turn out to have', () => {
  const machine = (...roots: readonly Root[]) =>
    findMatch(aConfig([aNode({ settings: settings({ image: sourced(image(...roots)) }) })]), {
      mac: mac('525400000001'),
    });
  const methods = possibleMatches(machine(SQUASHFS, EROFS, TAR)).map((m) => m.settings.image?.value.root.method);
  expect(methods).toEqual(['image', 'container-root']);
  const one = machine(SQUASHFS, EROFS);
  expect(possibleMatches(one)).toEqual([one]);
});
