import { expect, test } from 'vitest';
import { planBoot, requiredFiles } from '../../src/model/boot/boot-plan.ts';
import { findMatch } from '../../src/model/settings/recognise.ts';
import { aBootcRoot, aConfig, aNode, anImage, mac, settings, sourced } from '../support/config.ts';

const SERVER = { address: '192.0.2.10', httpPort: 8080 };
const KERNEL = { digest: 'a'.repeat(64), size: 10 };
const INITRD = { digest: 'b'.repeat(64), size: 20 };
const ROOT = { digest: 'c'.repeat(64), size: 30 };
const PINS = new Map([
  ['debian/vmlinuz', KERNEL],
  ['debian/initrd.img', INITRD],
  ['debian/my root #1.oci', ROOT],
]);

test('files are named by digest, with their own name at the end, safe on a command line', () => {
  const image = anImage(aBootcRoot({ source: { kind: 'artifact', path: 'debian/my root #1.oci' } }));
  const config = aConfig([aNode({ settings: settings({ image: sourced(image) }) })]);
  const match = findMatch(config, { mac: mac('52:54:00:00:00:01') });
  expect(requiredFiles(match)).toEqual([
    { path: 'debian/vmlinuz', form: 'file' },
    { path: 'debian/initrd.img', form: 'file' },
    { path: 'debian/my root #1.oci', form: 'archive', label: 'latest' },
  ]);
  const plan = planBoot(match, PINS, SERVER);
  expect(plan.kernel?.url).toBe(`http://192.0.2.10:8080/blobs/sha256/${KERNEL.digest}/vmlinuz`);
  expect(plan.root).toMatchObject({
    method: 'bootc-live',
    label: 'latest',
    name: 'my root #1.oci',
    url: `http://192.0.2.10:8080/blobs/sha256/${ROOT.digest}/my%20root%20%231.oci`,
    sha256: ROOT.digest,
    bytes: 30,
  });
  expect(plan.script_url).toBe('http://192.0.2.10:8080/ipxe/52-54-00-00-00-01');
});

test('a source elsewhere is named as it is, with no digest', () => {
  const image = { ...anImage(), kernel: { kind: 'url', url: 'https://example.org/k/vmlinuz?x=1' } as const };
  const match = findMatch(aConfig([aNode({ settings: settings({ image: sourced(image) }) })]), {
    mac: mac('525400000001'),
  });
  expect(requiredFiles(match)).toEqual([{ path: 'debian/initrd.img', form: 'file' }]);
  const plan = planBoot(match, PINS, { address: '192.0.2.10', httpPort: 80 });
  expect(plan.kernel).toEqual({
    url: 'https://example.org/k/vmlinuz?x=1',
    name: 'vmlinuz',
    sha256: null,
    bytes: null,
  });
  expect(plan.initrds[0]?.url).toBe(`http://192.0.2.10/blobs/sha256/${INITRD.digest}/initrd.img`);
});

test('a stranger has no name', () => {
  const match = findMatch(aConfig([], settings()), { mac: mac('525400000099') });
  expect(match.why).toBe('no node has 52:54:00:00:00:99: the rule "unknown" applies');
  expect(planBoot(match, PINS, SERVER).node).toEqual({ name: null, hostname: null });
});
