import { expect, test } from 'vitest';
import { NO_TOKEN } from '../../src/model/boot/boot-plan.ts';
import { configOf } from '../config/read.ts';
import { mac } from '../support/config.ts';
import { scriptsFor } from '../support/scripts.ts';

const MAC = mac('52:54:00:00:00:01');
const STRANGER = mac('52:54:00:00:00:99');

async function scriptsOf(root: string) {
  const config = configOf(`images:
  ci:
    kernel: linux
    initrd: initramfs.cpio.xz
    root: { method: b2c, ${root} }
    args: [console=ttyS0]
nodes: { n001: { mac: ${MAC}, image: ci } }
unknown: { action: boot, image: ci }
`);
  return scriptsFor(config, async () => ({ digest: 'd'.repeat(64), size: 1 }));
}

async function lineOf(root: string, machine = MAC) {
  const result = await (await scriptsOf(root)).forMac(machine);
  if (result.kind !== 'script') return 'why' in result ? result.why : result.kind;
  return result.text.split('\n').find((line) => line.startsWith('kernel ')) ?? '';
}

const START = `kernel --name vmlinuz http://192.0.2.10:8080/blobs/sha256/${'d'.repeat(64)}/linux initrd=initrd0.img`;
const CONTAINERS = 'containers: ["-ti alpine sh"]';

test('the kernel line has its arguments, and nothing for an initrd of dracut', async () => {
  expect(await lineOf(`${CONTAINERS}, cache_device: auto`)).toBe(
    `${START} b2c.cache_device=auto b2c.container="-ti alpine sh" BOOTIF=01-52-54-00-00-00-01 b2c.hostname=n001 console=ttyS0 || goto failed`,
  );
  expect(await lineOf(`${CONTAINERS}, hostname: gateway`)).toContain(' b2c.hostname=gateway b2c.container=');
  expect(await lineOf(`${CONTAINERS}, hostname: gateway`)).not.toContain('b2c.hostname=n001');
  expect(await lineOf(CONTAINERS, STRANGER)).not.toContain('b2c.hostname');
});

test('a node fetches what is secret', async () => {
  const secret = 'containers: [{ image: alpine, env: { A: !secret env:A } }]';
  expect(await lineOf(secret)).toBe(
    `${START} b2c.extra_args_url=http://192.0.2.10:8080/configuration/${NO_TOKEN}/arguments BOOTIF=01-52-54-00-00-00-01 b2c.hostname=n001 console=ttyS0 || goto failed`,
  );
  expect(await lineOf(secret, STRANGER)).toMatch(
    /^the root of its image has secrets, which only machines get that a node/,
  );
  const scripts = await scriptsOf(secret);
  expect(await scripts.root(MAC)).toMatchObject({ root: { method: 'b2c' }, args: ['console=ttyS0'] });
  expect(await scripts.root(STRANGER)).toBeUndefined();
  expect(JSON.stringify(await scripts.explain(MAC))).toContain('"A":"<secret>"');
});
