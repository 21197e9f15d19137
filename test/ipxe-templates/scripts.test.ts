import { describe, expect, it, test } from 'vitest';
import { checkTemplates } from '../../src/ipxe-templates/nunjucks/check.ts';
import { loadTemplates } from '../../src/ipxe-templates/nunjucks/load.ts';
import { createScripts } from '../../src/ipxe-templates/scripts/scripts.ts';
import type { Root } from '../../src/model/boot/image.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import type { Config } from '../../src/model/settings/config.ts';
import type { Rule } from '../../src/model/settings/node.ts';
import type { ServerIdentities } from '../../src/model/settings/served-by.ts';
import { aBootcRoot, aConfig, aNode, anImage, ignored, mac, settings, sourced } from '../support/config.ts';
import { scriptsFor } from '../support/scripts.ts';

const MAC = mac('52:54:00:00:00:01');
const DIGEST = 'd'.repeat(64);
const BLOBS = `http://192.0.2.10:8080/blobs/sha256/${DIGEST}`;

/** @param size of each file, bytes */
async function scripts(config: Config, size = 1) {
  return scriptsFor(config, async ({ path }) => {
    if (path.includes('missing')) throw new Error('no such file');
    return { digest: DIGEST, size, verity: { rootHash: 'e'.repeat(64), blocks: 13919 } };
  });
}

async function scriptOf(root: Root, args: readonly string[] = []) {
  const node = aNode({
    settings: settings({ image: sourced(anImage(root)), template: sourced(root.method), args: args.map(sourced) }),
  });
  const result = await (await scripts(aConfig([node]))).forMac(MAC);
  if (result.kind !== 'script') throw new Error(result.kind);
  return result.text;
}

const kernelLine = (script: string) => script.split('\n').find((line) => line.startsWith('kernel ')) ?? '';
const REPORT = `slipway.report=http://192.0.2.10:8080/report/${'0'.repeat(32)}`;
const COMMON = `rd.neednet=1 ip=dhcp ${REPORT} BOOTIF=01-52-54-00-00-00-01 systemd.hostname=n001`;
const source = { kind: 'artifact', path: 'debian/root' } as const;

test.each<[Root, string]>([
  [
    aBootcRoot({ source, label: 'v1' }),
    ` root=bootc-live:${BLOBS}/root bootclabel=v1 slipway.sha256=${DIGEST} ${COMMON}`,
  ],
  [
    aBootcRoot({ source, rw: true, root_flags: 'noatime', size: '70%', zram: '3G', kexec: true, quiet: true }),
    ` root=bootc-live:${BLOBS}/root bootclabel=latest rw rootflags=noatime rd.tmpfs.size=70% bootc.zram=3G bootc.kexec=1 bootc.quiet=1 slipway.sha256=${DIGEST} ${COMMON}`,
  ],
  [
    aBootcRoot({ source, etc_rw: false, var_rw: false, erofs: true, kexec: true, reuse_image: false }),
    ` root=bootc-live:${BLOBS}/root bootclabel=latest bootc.live.etc.rw=0 bootc.live.var.rw=0 bootc.live.erofs=1 bootc.kexec=1 bootc.kexec.reuse-image=0 slipway.sha256=${DIGEST} ${COMMON}`,
  ],
  [
    aBootcRoot({ source: { kind: 'url', url: 'docker://registry.example.net/node:1' }, unsecure: true }),
    ` root=bootc-live:docker://registry.example.net/node:1 bootclabel=latest bootc.registry.unsecure=1 ${COMMON}`,
  ],
  [
    { method: 'container-root', source, size: '3G' },
    ` rd.container.rootfs=${BLOBS}/root rd.tmpfs.size=3G slipway.sha256=${DIGEST} ${COMMON}`,
  ],
  [
    { method: 'container-root', source, size: null },
    ` rd.container.rootfs=${BLOBS}/root slipway.sha256=${DIGEST} ${COMMON}`,
  ],
  [{ method: 'image', source, size: null }, ` root=slipway:${BLOBS}/root slipway.sha256=${DIGEST} ${COMMON}`],
  [
    { method: 'live', source, readonly: false, ram: false },
    ` root=live:${BLOBS}/root rd.live.image rd.live.overlay.overlayfs=1 slipway.sha256=${DIGEST} ${COMMON}`,
  ],
  [
    { method: 'live', source, readonly: true, ram: true },
    ` root=live:${BLOBS}/root rd.live.image rd.live.overlay.overlayfs=1 rd.live.overlay.readonly=1 rd.live.ram=1 slipway.sha256=${DIGEST} ${COMMON}`,
  ],
  [
    { method: 'lazy', source },
    ` root=slipway+nbd:192.0.2.10:10809/${DIGEST} slipway.verity=${'e'.repeat(64)}:13919 ${COMMON}`,
  ],
  [{ method: 'none' }, ' BOOTIF=01-52-54-00-00-00-01 systemd.hostname=n001'],
])('the kernel arguments of $method', async (root, expected) => {
  expect(kernelLine(await scriptOf(root))).toBe(
    `kernel --name vmlinuz ${BLOBS}/vmlinuz initrd=initrd0.img${expected} || goto failed`,
  );
});

test.each(['00:02:c9:03:00:00:10:39', '80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:10:39'])(
  'no initrd is told to wait for the card with the InfiniBand address %s',
  async (address) => {
    const image = sourced(anImage({ method: 'image', source, size: null }));
    const node = aNode({ macs: [mac(address)], settings: settings({ image, template: sourced('image') }) });
    const result = await (await scripts(aConfig([node]))).forMac(mac(address));
    const line = kernelLine(result.kind === 'script' ? result.text : '');
    expect(line).toContain(` rd.neednet=1 ip=dhcp ${REPORT} systemd.hostname=n001 || goto failed`);
    expect(line).not.toContain('BOOTIF');
  },
);

test("the configuration's own ip=, rd.neednet= and systemd.hostname= replace the template's", async () => {
  const line = kernelLine(
    await scriptOf({ method: 'image', source, size: null }, ['ip=eth0:dhcp systemd.hostname=other', 'rd.neednet=0']),
  );
  expect(line).toContain('BOOTIF=01-52-54-00-00-00-01 ip=eth0:dhcp systemd.hostname=other rd.neednet=0 ||');
  expect(line).not.toMatch(/ip=dhcp|systemd.hostname=n001|rd.neednet=1/);
});

describe('the memory that a boot needs', () => {
  const MIB = 1024 * 1024;
  const of = async (args: readonly string[], memory?: number) => {
    const root = { method: 'image', source, size: null };
    const known = memory === undefined ? {} : { memory: sourced(memory) };
    const image = sourced(anImage(root));
    const changes = settings({ image, template: sourced('image'), args: args.map(sourced), ...known });
    const result = await (await scripts(aConfig([aNode({ settings: changes })]), 100 * MIB)).forMac(MAC);
    return result.kind === 'script' ? result.text : '';
  };

  it('is asked for before anything is fetched, and told to the initrd', async () => {
    const text = await of([]);
    expect(text).toMatch(
      /\nchain --autofree http:\S+\/ipxe\/52-54-00-00-00-01\?needs=264&memsize=\$\{memsize\}&modules=\$\{smbios\/17\.12\.2:hexraw\}\.\$\{smbios\/1\.17\.12\.2:hexraw\}\S* \|\|\niseq \$\{slipway-fit\} short && goto too_small \|\|\n\nimgfree\nkernel /,
    );
    expect(text).toMatch(
      /\n:too_small\necho\necho Slipway: n001 has \$\{slipway-memory\} MiB of memory; debian needs at least 264 MiB by root method image\.\n/,
    );
    expect(text).toMatch(/\n\n:give_up\n/);
    expect(kernelLine(text)).toContain(' slipway.memory=100 ');
  });

  it('is not asked for where the configuration says enough, and arguments win', async () => {
    const text = await of(['slipway.memory=1'], 512 * MIB);
    expect(text).not.toMatch(/needs=|too_small/);
    expect(kernelLine(text)).not.toContain('slipway.memory=100');
  });
});

test('a whole script', async () => {
  expect(await scriptOf(aBootcRoot({ source }), ['quiet'])).toMatchSnapshot();
});

test('an archive that iPXE delivers is one more initrd, and the root is a file in it', async () => {
  const script = await scriptOf(aBootcRoot({ source, delivery: 'initrd' }));
  expect(kernelLine(script)).toContain(
    ` initrd=initrd0.img initrd=root.oci root=bootc-live:/root.oci bootclabel=latest slipway.sha256=${DIGEST} `,
  );
  const initrds = script.split('\n').filter((line) => line.startsWith('initrd '));
  expect(initrds).toEqual([
    `initrd --name initrd0.img ${BLOBS}/initrd.img || goto failed`,
    `initrd --name root.oci ${BLOBS}/root /root.oci || goto failed`,
  ]);
});

test('every script begins with the shebang that iPXE looks for and ends with a newline', async () => {
  const local = settings({ action: sourced('local'), template: sourced('local') });
  const rendered = await (await scripts(aConfig([], local))).forMac(MAC);
  const bootstrap = (await scripts(aConfig())).bootstrap();
  for (const text of [rendered.kind === 'script' ? rendered.text : '', bootstrap]) {
    expect(text).toMatch(/^#!ipxe\n(.*\n)*.+\n$/);
  }
});

test('a node whose action is ignore gets no script, and the reason', async () => {
  const result = await (await scripts(aConfig([aNode({ settings: ignored() })]))).forMac(MAC);
  expect(result).toEqual({ kind: 'ignored', why: `nodes.n001.mac is ${MAC}, and its action is ignore` });
});

test('a machine that is to be ignored gets no script, and the reason', async () => {
  expect(await (await scripts(aConfig([], ignored()))).forMac(MAC)).toEqual({
    kind: 'ignored',
    why: 'no node has 52:54:00:00:00:01: the rule "unknown" applies',
  });
});

test('a missing artifact makes the script unavailable, and says which', async () => {
  const image = { ...anImage(), kernel: { kind: 'artifact', path: 'missing/vmlinuz' } as const };
  const config = aConfig([aNode({ settings: settings({ image: sourced(image) }) })]);
  expect(await (await scripts(config)).forMac(MAC)).toEqual({
    kind: 'unavailable',
    why: 'missing/vmlinuz: no such file',
  });
});

test('the explanation tells where every value came from', async () => {
  const node = aNode({
    settings: settings({
      args: [{ value: 'quiet', from: 'profiles.compute.args[0]' }],
      vars: { rack: { value: 7, from: 'nodes.n001.vars.rack' } },
    }),
  });
  expect(await (await scripts(aConfig([node]))).explain(MAC)).toMatchObject({
    mac: MAC,
    matched: 'nodes.n001',
    image: { value: 'debian', from: 'test' },
    args: [{ value: 'quiet', from: 'profiles.compute.args[0]' }],
    vars: { rack: { value: 7, from: 'nodes.n001.vars.rack' } },
    kernel: { sha256: DIGEST, url: `${BLOBS}/vmlinuz` },
  });
});

test('a script that was rendered before is given again, until something that it says has changed', async () => {
  const config = aConfig([aNode({ settings: settings() })]);
  const checked = checkTemplates(config, await loadTemplates(undefined));
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const one: ServerIdentities = [{ address: '192.0.2.10', httpPort: 8080 }];
  const state = { digest: DIGEST, servers: one, missing: false };
  const rendering = createScripts(new KnownFacts(), () => ({
    config,
    templates: checked.templates,
    servers: state.servers,
    build: () => Promise.reject(new Error('there is no such build')),
    document: async () => ({ text: '{}', digest: 'e'.repeat(64) }),
    pin: async () => {
      if (state.missing) throw new Error('no such file');
      return { digest: state.digest, size: 1 };
    },
  }));
  const first = await rendering.forMac(MAC);
  expect(await rendering.forMac(MAC)).toEqual(first);
  state.digest = 'e'.repeat(64);
  expect(await rendering.forMac(MAC)).toMatchObject({ text: expect.stringContaining('/e'.padEnd(65, 'e')) });
  state.servers = [{ address: '192.0.2.11', httpPort: 8080 }];
  expect(await rendering.forMac(MAC)).toMatchObject({ text: expect.stringContaining('http://192.0.2.11:8080/') });
  // A machine that moves to another network gets the addresses of that.
  state.servers = [...state.servers, { address: '198.51.100.10', httpPort: 8080 }];
  for (const local of ['192.0.2.11', '198.51.100.10', '192.0.2.11']) {
    const { text = '' } = (await rendering.forMac(MAC, { arrival: { local } })) as { text?: string };
    expect([...text.matchAll(/http:\/\/([\d.]+):/g)].every(([, address]) => address === local)).toBe(true);
    expect(text).toContain(`http://${local}:8080/blobs/`);
    expect(rendering.bootstrap({ local })).toContain(`http://${local}:8080/ipxe/`);
  }
  state.missing = true;
  expect(await rendering.forMac(MAC)).toMatchObject({ kind: 'unavailable' });
});

test('a machine that may be another by what iPXE knows is asked first, each time', async () => {
  const rule: Rule = {
    name: 'dell',
    criteria: { facts: { manufacturer: ['Dell*'] }, labels: {} },
    settings: settings(),
  };
  const all = await scripts({ ...aConfig([aNode()], ignored()), rules: [rule] });
  const stranger = mac('52:54:00:00:00:77');
  const asked = await all.forMac(stranger);
  expect(asked).toMatchObject({ kind: 'question' });
  expect('text' in asked && asked.text).toContain(
    `/ipxe/52-54-00-00-00-77?uuid=$${'{uuid}'}&serial=$${'{serial:uristring}'}&`,
  );
  expect(await all.forMac(stranger, { told: { manufacturer: 'Dell Inc.' } })).toMatchObject({ kind: 'script' });
  expect(await all.forMac(stranger)).toMatchObject({ kind: 'question' });
  expect(await all.forMac(stranger, { told: { manufacturer: 'HPE' } })).toMatchObject({ kind: 'ignored' });
  expect(await all.explain(stranger)).toMatchObject({
    matched: 'unknown',
    lost: [{ what: 'rules.dell', why: 'manufacturer is HPE, not Dell*' }],
  });
});

test('a node without an image has that of a rule, or none', async () => {
  const { image: _, ...bare } = settings();
  const rule: Rule = { name: 'r', criteria: { facts: { arch: ['x86_64'] }, labels: {} }, settings: settings() };
  const all = await scripts({ ...aConfig([aNode({ settings: bare })]), rules: [rule] });
  expect(await all.forMac(MAC, { told: { arch: 'x86_64' } })).toMatchObject({ kind: 'script' });
  expect(await all.forMac(MAC, { told: { arch: 'arm64' } })).toMatchObject({
    kind: 'unavailable',
    why: expect.stringContaining('has no image, and no rule gives it one'),
  });
});

test('a machine with a menu gets the menu, and then what was chosen there', async () => {
  const { image: _, ...rest } = settings({ action: sourced('menu') });
  const menu = sourced({ images: ['debian', 'rescue'], local: true, default: 'debian', timeout: 20 });
  const chosen = settings();
  const config = { ...aConfig([aNode({ settings: { ...rest, menu } })]), images: ['debian', 'rescue'] };
  const local = settings({ action: sourced('local'), template: sourced('local') });
  const all = await scripts({ ...config, choose: (_found, image) => (image === 'local' ? local : chosen) });
  const shown = await all.forMac(MAC);
  expect(shown.kind).toBe('menu');
  const text = 'text' in shown ? shown.text : '';
  expect(text).toContain('item debian debian\nitem rescue rescue\nitem local Boot from the local disk\n');
  expect(text).toContain('choose --default debian --timeout 20000 item || goto again');
  expect(text).toContain(`/ipxe/52-54-00-00-00-01?image=$${'{item}'} || goto failed`);
  const told = await all.forMac(MAC, { told: { arch: 'x86_64' } });
  expect('text' in told && told.text).toContain(`&buildarch=$${'{buildarch}'}&image=$${'{item}'} ||`);
  const script = await all.forMac(MAC, { image: 'rescue' });
  expect('text' in script && script.text).toContain(
    'chain --replace --autofree http://192.0.2.10:8080/ipxe/52-54-00-00-00-01?image=rescue',
  );
  expect(await all.forMac(MAC, { image: 'local' })).toMatchObject({
    kind: 'script',
    text: expect.stringContaining('own disk'),
  });
  expect(await all.forMac(MAC, { image: 'secret' })).toMatchObject({
    kind: 'unavailable',
    why: expect.stringContaining('"secret" is not in its menu'),
  });
});

test('what is decided for a boot comes before the settings, and is rendered anew when it changes', async () => {
  const rescue = settings({ args: [sourced('rescue=1')] });
  const all = await scripts({ ...aConfig(), choose: (_found, image) => (image === 'rescue' ? rescue : undefined) });
  const textOf = async (image: string | undefined) => {
    const choose = async () => (image === undefined ? undefined : { image, why: 'ordered by admin, once' });
    const result = await all.forMac(MAC, { choose });
    return 'text' in result ? result.text : result.why;
  };
  expect(await textOf(undefined)).not.toContain('rescue=1');
  expect(await textOf('rescue')).toContain('rescue=1');
  expect(await textOf(undefined)).not.toContain('rescue=1');
  expect(await textOf('gone')).toBe('there is no image "gone" any more: ordered by admin, once');
});
