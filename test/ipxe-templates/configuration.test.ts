import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checkTemplates } from '../../src/ipxe-templates/nunjucks/check.ts';
import { loadTemplates } from '../../src/ipxe-templates/nunjucks/load.ts';
import { createScripts } from '../../src/ipxe-templates/scripts/scripts.ts';
import { NO_TOKEN } from '../../src/model/boot/boot-plan.ts';
import type { ConfigurationSection } from '../../src/model/configuration/merge.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import { aConfig, aNode, mac, settings, sourced } from '../support/config.ts';

const MAC = mac('52:54:00:00:00:01');
const URL = `http://192.0.2.10:8080/configuration/${NO_TOKEN}`;

async function scriptsOf(section: ConfigurationSection, args: readonly string[] = [], templates = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-templates-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(templates)) await writeFile(join(folder, name), String(text));
  const given = { args: args.map(sourced), configuration: [{ value: section, from: 'nodes.n001.configuration' }] };
  const config = aConfig([aNode({ settings: settings(given) })], settings(given));
  const checked = checkTemplates(config, await loadTemplates(folder));
  if (!checked.ok) return { problems: checked.problems.map(({ message }) => message), missing: [] };
  const scripts = createScripts(new KnownFacts(), () => ({
    config,
    templates: checked.templates,
    server: { address: '192.0.2.10', httpPort: 8080 },
    servers: [{ address: '192.0.2.10', httpPort: 8080 }],
    build: () => Promise.reject(new Error('there is no such build')),
    document: async () => ({ text: '{}', digest: 'e'.repeat(64) }),
    pin: async () => ({ digest: 'd'.repeat(64), size: 1 }),
  }));
  return { scripts, problems: [], missing: checked.missing.map(({ message }) => message) };
}

async function lineOf(section: ConfigurationSection, args: readonly string[] = [], machine = MAC) {
  const result = await (await scriptsOf(section, args)).scripts?.forMac(machine);
  if (result?.kind !== 'script') throw new Error('no script');
  return result.text.split('\n').find((line) => line.startsWith('kernel ')) ?? '';
}

test('the kernel line says where the documents are', async () => {
  expect(await lineOf({ user_data: {} })).toContain(` ds=nocloud;dsmode=net;s=${URL}/ `);
  const line = await lineOf({ ignition: {} });
  expect(line).toContain(` ignition.config.url=${URL}/ignition ignition.platform.id=metal ignition.firstboot `);
  expect(line).not.toContain('ds=');
  const placed = await lineOf({ place: 'initrd', meta_data: {} });
  expect(placed).toContain(` slipway.seed=${URL}/ `);
  expect(placed).not.toContain('ds=');
});

test("arguments of one's own win, and machines without a node get none", async () => {
  const own = ['ds=nocloud;s=http://other/', 'ignition.config.url=http://other/ignition.platform.id=qemu'];
  const line = await lineOf({ user_data: {}, ignition: {} }, own);
  expect(line).not.toContain('dsmode=net');
  expect(line.match(/ignition\.config\.url/g)).toHaveLength(1);
  expect(await lineOf({ user_data: {}, ignition: {} }, [], mac('52:54:00:00:00:99'))).not.toContain('configuration');
});

test('a file has the variables of the script, as its template is written', async () => {
  const templates = { 'kickstart.njk': '\nurl {{ server.url }}\nseed {{ configuration.url }}\n\n' };
  const { scripts, problems, missing } = await scriptsOf({ files: { 'ks.cfg': 'kickstart.njk' } }, [], templates);
  expect([problems, missing]).toEqual([[], []]);
  expect(await scripts?.file(MAC, 'kickstart.njk')).toBe(`\nurl http://192.0.2.10:8080\nseed ${URL}\n\n`);
  expect(await scripts?.file(MAC, 'other.njk')).toBeUndefined();
  const script = await scripts?.forMac(MAC);
  expect(script?.kind === 'script' && script.text).toContain(`\nset configuration ${URL}\n`);
});

test('mistakes in a template of a file are found beforehand, and so is that it is missing', async () => {
  const section = { files: { 'ks.cfg': 'kickstart.njk' } };
  expect((await scriptsOf(section, [], { 'kickstart.njk': '{{ vars.rack }}' })).problems).toEqual([
    expect.stringContaining('template "kickstart.njk", for nodes.n001'),
  ]);
  expect((await scriptsOf(section)).missing).toEqual([expect.stringContaining('template "kickstart.njk"')]);
});

test('?explain shows the sections without secrets', async () => {
  const { scripts } = await scriptsOf({ user_data: { password: { '!secret': 'env:PASSWORD' } } });
  expect((await scripts?.explain(MAC))?.configuration).toEqual([
    { value: { user_data: { password: '<secret>' } }, from: 'nodes.n001.configuration' },
  ]);
});
