import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { secretWarnings } from '../../src/commands/check/secret-warnings.ts';
import { printConfiguration } from '../../src/commands/configuration.ts';
import { loadConfig } from '../../src/config/load/load.ts';
import { readSecret, withSecrets } from '../../src/daemon/configuration/secrets.ts';

async function aFile(): Promise<{ folder: string; file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-configuration-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'config.yaml');
  await writeFile(
    file,
    `images: { i: { kernel: kernel } }
profiles:
  p.q: { image: i, configuration: { user_data: { password: !secret env:NO_SUCH_VARIABLE } } }
nodes:
  n1:
    mac: 52:54:00:00:00:01
    profile: p.q
    configuration: { user_data: { hostname: !secret file:name } }
  n2: { mac: 52:54:00:00:00:02, image: i }
`,
  );
  return { folder, file };
}

test('slipway configuration prints what a node gets, without secrets', async () => {
  const { file } = await aFile();
  const text = await printConfiguration(file, 'n1');
  expect(text).toMatch(/^--- user-data\n#cloud-config\n[\s\S]*password: "<secret>"[\s\S]*--- meta-data\ninstance-id: /);
  expect(await printConfiguration(file, 'n1', 'meta-data')).toMatch(/^instance-id: "n1-[0-9a-f]{12}"\n/);
  await expect(printConfiguration(file, 'n1', 'passwd')).rejects.toThrow('expected user-data, meta-data');
  await expect(printConfiguration(file, 'n1', 'ignition')).rejects.toThrow('the node n1 has no ignition');
  await expect(printConfiguration(file, 'n2')).rejects.toThrow('the node n2 has no configuration');
  await expect(printConfiguration(file, 'n3')).rejects.toThrow('there is no node "n3"');
});

test('slipway configuration prints the arguments of a root that a node fetches', async () => {
  const { folder } = await aFile();
  const file = join(folder, 'b2c.yaml');
  const container = '{ image: alpine, env: { A: !secret env:A } }';
  await writeFile(
    file,
    `images:
  i: { kernel: kernel, root: { method: b2c, containers: [${container}], pipefail: true } }
  j: { kernel: kernel, root: { method: b2c, containers: [alpine] } }
nodes: { n1: { mac: 52:54:00:00:00:01, image: i }, n2: { mac: 52:54:00:00:00:02, image: j } }
`,
  );
  const text = `b2c.container="-e 'A=<secret>' alpine" b2c.pipefail\n`;
  expect(await printConfiguration(file, 'n1')).toBe(`--- arguments\n${text}`);
  expect(await printConfiguration(file, 'n1', 'arguments')).toBe(text);
  await expect(printConfiguration(file, 'n2')).rejects.toThrow('the node n2 has no configuration');
});

test('slipway check warns of secrets that cannot be read', async () => {
  const { folder, file } = await aFile();
  const loaded = await loadConfig(file);
  if (!loaded.ok) throw new Error('not valid');
  const never = 'its nodes would get no configuration';
  expect(await secretWarnings(loaded.config, {})).toEqual([
    {
      path: ['profiles', 'p.q', 'configuration'],
      message: expect.stringContaining(`is not set in the server's environment: ${never}`),
    },
    { path: ['nodes', 'n1', 'configuration'], message: expect.stringContaining('the secret file:name cannot be read') },
  ]);
  await writeFile(join(folder, 'name'), 'x');
  expect(await secretWarnings(loaded.config, { NO_SUCH_VARIABLE: '' })).toEqual([]);
});

test('secrets are read as they are, but for one line break at the end, and up to 64 KiB', async () => {
  const { folder } = await aFile();
  const write = (content: string | Uint8Array) => writeFile(join(folder, 'secret'), content);
  await write('a: "b"\n\n');
  const section = { user_data: { list: [{ '!secret': 'file:secret' }, { '!secret': 'env:A' }] } };
  expect(await withSecrets(section, folder, { A: 'c' })).toEqual({ user_data: { list: ['a: "b"\n', 'c'] } });
  await write('x'.repeat(65_537));
  await expect(readSecret('file:secret', folder, {})).rejects.toThrow('more than 65536 bytes');
  await write(Uint8Array.of(0xff, 0x41));
  await expect(readSecret('file:secret', folder, {})).rejects.toThrow('the secret file:secret cannot be read');
});
