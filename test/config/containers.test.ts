import { describe, expect, it } from 'vitest';
import { usedArtifacts } from '../../src/model/boot/used-files.ts';
import { configOf, problemsOf } from './read.ts';

/** A file with these lines below `containers:` of a node. */
const withContainers = (...lines: string[]) =>
  `stores: { lab: { url: "http://192.0.2.9:9000", bucket: ci, access_key: a, secret_key: !secret env:KEY } }
images: { ci: { kernel: k, root: { method: containers } }, debian: { kernel: d, initrd: e } }
nodes:
  n1:
    image: ci
    mac: 52:54:00:00:00:01
    containers:
${lines.map((line) => `      ${line}`).join('\n')}
`;
const STEP = 'steps: [{ name: a, image: docker://quay.io/a }]';

describe('a mistake', () => {
  it.each([
    [['steps: [{ name: a, image: a }]'], '8:33: nodes.n1.containers.steps[0].image: expected an image such as'],
    [
      ['steps: [{ name: a, image: oci:a }, { name: a, image: oci:b }]'],
      '8:50: nodes.n1.containers.steps[1].name: there is a step "a" before it',
    ],
    [
      ['steps: [{ name: a, image: oci:a, mounts: [{ volume: vx, target: /v }] }]', 'volumes: { v1: }'],
      '8:59: nodes.n1.containers.steps[0].mounts[0].volume: there is no volume "vx"',
    ],
    [
      ['steps: [{ name: a, image: oci:a, mounts: [{ target: /v }] }]'],
      '8:49: nodes.n1.containers.steps[0].mounts[0]: expected one of volume, host and tmpfs',
    ],
    [
      ['steps: [{ name: a, image: oci:a, background: true, timeout: 5 }]'],
      '8:67: nodes.n1.containers.steps[0].timeout is not for a step in the background',
    ],
    [
      ['steps: [{ name: a, image: oci:a, capabilities: [NET_ADMIN] }]'],
      'expected a capability such as CAP_NET_ADMIN, found "NET_ADMIN"',
    ],
    [['steps: [{ name: a, image: oci:a, on_failure: ignore }]'], 'expected stop, continue, retry or reboot'],
    [
      ['volumes: { v: { mirror: { store: lap } } }'],
      '8:40: nodes.n1.containers.volumes.v.mirror.store: there is no store "lap": did you mean "lab"?',
    ],
    [
      ['volumes: { v: { luks: { key: !secret env:K, size: 1 GiB } } }'],
      'nodes.n1.containers.volumes.v.luks is for volumes on the cache device',
    ],
    [['cache: { device: sda }'], 'expected LABEL=NAME, a path such as /dev/nvme0n1p3, or auto, found "sda"'],
    [['end: { action: halt }'], 'expected poweroff, reboot, kexec, wait or shell, found "halt"'],
    [
      ['end: { action: kexec, image: debain }'],
      '8:36: nodes.n1.containers.end.image: there is no image "debain": did you mean "debian"?',
    ],
    [['end: { action: kexec, image: local }'], 'there is no image "local": expected debian'],
    [
      ['end: { action: kexec, image: ci }'],
      '8:36: nodes.n1.containers.end.image: the image "ci" runs containers itself: expected one that boots a system',
    ],
    [['end: { action: kexec }'], 'nodes.n1.containers.end: expected { action: kexec, image: NAME }'],
    [['end: { action: reboot, image: debian }'], 'or another action without an image, found a mapping'],
    [['more: 1'], 'unknown key "more" in nodes.n1.containers'],
  ])('in %j is told with its place', (lines, message) => {
    const problems = problemsOf(withContainers(...lines));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });
});

it('may end with another image, whose files are made ready as those of other machines', () => {
  const config = configOf(withContainers(STEP, 'end: { action: kexec, image: debian }'));
  expect(usedArtifacts(config).map(({ path }) => path)).toEqual(['k', 'd', 'e']);
});

it('of a secret elsewhere is told', () => {
  expect(problemsOf('artifacts: !secret env:A')[0]).toContain(
    'a secret is for values below "configuration:", "containers:" or "stores:"',
  );
});

it('is allowed in profiles and images too; the node has the last word, key by key', () => {
  const config = configOf(`
images: { ci: { kernel: k, root: { method: containers }, containers: { clock: [a], ${STEP} } } }
profiles: { p: { containers: { clock: [b], end: { action: wait } } } }
nodes: { n1: { mac: 52:54:00:00:00:01, image: ci, profile: p, containers: { end: { action: reboot } } } }
`);
  const [node] = config.nodes;
  expect(node?.settings.containers?.map(({ from }) => from)).toEqual([
    'images.ci.containers',
    'profiles.p.containers',
    'nodes.n1.containers',
  ]);
  expect(node?.settings.image?.value.root).toEqual({ method: 'containers' });
});
