import { describe, expect, it } from 'vitest';
import { documentFor, imageReference, prefixOf } from '../../../src/model/containers/plan.ts';
import { type ContainersSection, mergeContainers } from '../../../src/model/containers/section.ts';

const server = { address: '192.0.2.10', httpPort: 8080 };
const runner = { node: 'n1', server, isMirrored: (host: string) => host === 'docker.io' };

describe('an image', () => {
  it.each([
    ['docker://quay.io/a/b:1', false, 'quay.io/a/b:1', false],
    ['docker://192.0.2.9:5000/b', true, '192.0.2.9:5000/b', true],
    ['docker://docker.io/alpine:3', false, '192.0.2.10:8080/docker.io/library/alpine:3', true],
    ['docker://docker.io/a/b@sha256:0', false, '192.0.2.10:8080/docker.io/a/b@sha256:0', true],
    ['oci:rescue', false, '192.0.2.10:8080/rescue:latest', true],
  ])('%s is pulled from where it is', (image, plain, reference, plain_http) => {
    expect(imageReference(image, plain, runner)).toMatchObject({ reference, plain_http });
  });
});

describe('a document', () => {
  it('has a value for each key', () => {
    const document = documentFor({ steps: [{ name: 1, image: 'docker://quay.io/a' }] }, runner);
    expect(document).toEqual({
      version: 1,
      node: 'n1',
      clock: [],
      cache: null,
      volumes: [],
      steps: [
        {
          name: '1',
          image: { reference: 'quay.io/a', name: 'quay.io/a', plain_http: false },
          ...{ entrypoint: null, command: null, environment: {}, workdir: null, user: null },
          ...{ mounts: [], devices: [], network: 'private', capabilities: [], privileged: false, systemd: false },
          ...{ timeout: null, memory: null, on_failure: { action: 'stop', retries: 0 } },
          ...{ background: false, always: false },
        },
      ],
      end: { action: 'poweroff', after: 0 },
    });
  });

  it('has amounts in bytes, and numbers as texts', () => {
    const section: ContainersSection = {
      cache: { device: 'auto', limit: '2 GiB' },
      volumes: { a: null, b: { place: 'cache', luks: { key: 7, size: 512 } } },
      steps: [
        {
          ...{ name: 's', image: 'docker://quay.io/a', command: ['sleep', 9], environment: { N: 5, B: true } },
          ...{ memory: '1.5 GiB', on_failure: 'retry', user: 1000 },
          mounts: [
            { volume: 'a', target: '/a' },
            { tmpfs: 64, target: '/t' },
            { tmpfs: true, target: '/u' },
          ],
        },
      ],
    };
    const { cache, volumes, steps } = documentFor(section, runner);
    expect(cache).toEqual({ device: 'auto', allow_format: false, limit: 2 * 1024 ** 3 });
    expect(volumes).toMatchObject([
      { name: 'a', place: 'memory', keep: 'pipeline', luks: null },
      { name: 'b', place: 'cache', keep: 'always', luks: { key: '7', size: 512 * 1024 ** 2 } },
    ]);
    expect(steps[0]).toMatchObject({
      ...{ command: ['sleep', '9'], environment: { N: '5', B: 'true' }, memory: 1.5 * 1024 ** 3, user: '1000' },
      on_failure: { action: 'retry', retries: 3 },
      mounts: [{ volume: 'a', read_only: false }, { tmpfs: 64 * 1024 ** 2 }, { tmpfs: null }],
    });
  });
});

it('may end with kexec into an image, which has its name there', () => {
  const end = { action: 'kexec', image: 12, after: 5 } as const;
  expect(documentFor({ end }, runner).end).toEqual({ action: 'kexec', image: '12', after: 5 });
});

it('takes each key of the most specific section that has it', () => {
  const general = { value: { clock: ['a'], end: { action: 'wait' as const } }, from: 'profiles.p.containers' };
  const specific = { value: { clock: ['b'] }, from: 'nodes.n.containers' };
  expect(mergeContainers([general, specific])).toEqual({ clock: ['b'], end: { action: 'wait' } });
});

it('has objects of a store below the name of the node, or where the section says', () => {
  expect(prefixOf(null, 'v', 'n1')).toBe('n1/v/');
  expect(prefixOf({ mirror: { store: 's', prefix: '/results/{node}/' } }, 'v', 'n1')).toBe('results/n1/');
  expect(prefixOf({ mirror: { store: 's', prefix: '' } }, 'v', 'n1')).toBe('');
});
