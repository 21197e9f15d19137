import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/yaml/parse.ts';
import type { Image, Root } from '../../src/model/boot/image.ts';
import { problemsOf } from './read.ts';

const NODE = 'nodes: { n001: { mac: 52:54:00:00:00:01, image: IMAGE } }';
const read = () => '';
const files = { isBuild: (_: string, name: string) => name === 'os' || name === '12', read };

/** The image of a node. */
function imageOf(images: string, name = 'n'): Image | undefined {
  const parsed = parseConfig(
    `images: ${images}\n${NODE.replace('IMAGE', name)}`,
    'slipway.yaml',
    '/etc/slipway',
    files,
  );
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join('\n'));
  return parsed.config.nodes[0]?.settings.image?.value;
}
const inWords = (roots: readonly Root[] | undefined) =>
  roots?.map(({ method, source }) => {
    if (!source) return method;
    return `${method} ${source.kind === 'url' ? source.url : source.kind === 'image' ? `oci:${source.name}` : source.path}`;
  });

describe('an image that is a build', () => {
  it('has its kernel, its initrd, and any root that there may be, the one that needs least memory first', () => {
    const image = imageOf('{ n: { build: os, args: [quiet] } }');
    expect(image).toMatchObject({
      name: 'n',
      kernel: { kind: 'artifact', path: 'os/vmlinuz' },
      initrd: [{ kind: 'artifact', path: 'os/initrd.img' }],
      build: { name: 'os' },
    });
    expect(inWords(image?.build?.roots)).toEqual([
      'image os/rootfs.squashfs',
      'image os/rootfs.erofs',
      'bootc-live os/root.oci',
      'container-root os/rootfs.tar.zst',
      'bootc-live oci:os',
    ]);
  });

  it.each([
    ['{ method: image }', ['image os/rootfs.squashfs', 'image os/rootfs.erofs']],
    ['{ method: live }', ['live os/rootfs.squashfs', 'live os/rootfs.erofs']],
    ['{ method: bootc-live, label: latest }', ['bootc-live os/root.oci', 'bootc-live oci:os']],
    [
      '{ method: container-root }',
      ['container-root os/rootfs.tar.zst', 'container-root os/root.oci', 'container-root oci:os'],
    ],
    ['{ method: none }', ['none']],
    ['{ method: bootc-live, source: own.oci }', ['bootc-live own.oci']],
    ['{ method: bootc-live, source: "oci:other" }', ['bootc-live oci:other']],
    ['{ method: live, source: "http://192.0.2.1/a.squashfs" }', ['live http://192.0.2.1/a.squashfs']],
  ])('with the root %s has the file that goes with it', (root, expected) => {
    const image = imageOf(`{ n: { build: os, root: ${root} } }`);
    expect(inWords(image?.build?.roots)).toEqual(expected);
    expect(inWords(image && [image.root])).toEqual(expected.slice(0, 1));
  });

  it("keeps the root's own settings", () => {
    expect(imageOf('{ n: { build: os, root: { method: container-root, size: 3G } } }')?.root).toMatchObject({
      size: '3G',
    });
    expect(imageOf('{ n: { build: os, root: { method: bootc-live, rw: true } } }')?.root).toMatchObject({ rw: true });
  });

  it.each(['os', '12'])('may be named alone, without an entry in images: %s', (name) => {
    for (const images of ['{}', '{ other: { kernel: k } }', '']) {
      expect(imageOf(images, name)).toMatchObject({ name, kernel: { path: `${name}/vmlinuz` }, build: { name } });
    }
  });

  it('that is named alone is looked for in the artifacts folder of the file', () => {
    const asked: string[] = [];
    parseConfig(`artifacts: ../a\n${NODE.replace('IMAGE', 'os')}`, 'f', '/etc/slipway', {
      isBuild: (folder, name) => asked.push(`${folder} ${name}`) > 0,
      read,
    });
    expect(asked).toEqual(['/etc/a os']);
  });

  it('comes second to an entry of that name', () => {
    const image = imageOf('{ os: { kernel: own } }', 'os');
    expect(image).toMatchObject({ kernel: { path: 'own' } });
    expect(image).not.toHaveProperty('build');
  });

  it('may be named by a profile and by the rule for unknown machines', () => {
    const yaml =
      'profiles: { p: { image: os } }\nnodes: { n: { mac: 525400000001, profile: p } }\nunknown: { action: boot, image: "12" }';
    const parsed = parseConfig(yaml, 'f', '/', files);
    expect(
      parsed.ok && [parsed.config.nodes[0]?.settings, parsed.config.unknown].map((s) => s?.image?.value.name),
    ).toEqual(['os', '12']);
  });
});

describe('what is wrong with one is told', () => {
  it.each([
    ['images: { n: { build: os, kernel: k } }', '1:27: images.n.kernel is the build\'s own: expected "build:" alone'],
    ['images: { n: { build: os, initrd: i } }', '1:27: images.n.initrd is the build\'s own: expected "build:" alone'],
    [
      'images: { n: { build: ../os } }',
      '1:23: images.n.build: expected the name of an image of "slipway image build", found "../os"',
    ],
    [
      'images: { n: { build: [] } }',
      '1:23: images.n.build: expected the name of an image of "slipway image build", found an empty list',
    ],
    [
      'images: { n: { build: os, root: { method: container-root, label: x } } }',
      '1:59: unknown key "label" in images.n.root: expected one of method, source, size',
    ],
    [
      'images: { n: { kernel: "oci:os" } }',
      '1:24: images.n.kernel is an image, not a file: "oci:NAME" is for the root alone',
    ],
    [
      'images: { n: { kernel: k, root: { method: live, source: "oci:os" } } }',
      '1:57: images.n.root.source is an image: "oci:NAME" is for bootc-live and container-root',
    ],
    ['images: { n: { kernel: k, root: { method: bootc-live, source: "oci:../os" } } }', /names no image/],
    [
      'images: { n: { build: os, root: { method: bootc-live, label: v1 } } }',
      /1:62: .*an image that was built is "latest"/,
    ],
    ['images: { n: { kernel: k, root: { method: bootc-live, source: "oci:os", label: v1 } } }', /root.label is for/],
  ])('%s', (yaml, problem) => {
    expect(problemsOf(yaml)).toEqual([
      expect.stringMatching(
        problem instanceof RegExp ? problem : new RegExp(`^${problem.replace(/[.[\]]/g, '\\$&')}$`),
      ),
    ]);
  });

  it('a name that is neither an image nor a build', () => {
    expect(problemsOf(NODE.replace('IMAGE', 'os'))).toEqual([expect.stringContaining('there is no image "os"')]);
    expect(problemsOf(NODE.replace('IMAGE', '../os'))).toEqual([expect.stringContaining('there is no image "../os"')]);
  });
});
