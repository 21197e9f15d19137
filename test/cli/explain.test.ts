import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { explainMachine } from '../../src/commands/explain.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-explain-'));
  file = join(folder, 'config.yaml');
  await writeFile(
    file,
    `server: { address: 127.0.0.1, dhcp: false }
images: { debian: { kernel: k }, desktop: { kernel: d } }
nodes:
  n1: { mac: 52:54:00:00:00:01, image: debian }
  n2: { match: { serial: S2 }, image: debian }
rules:
  laptops: { match: { product: "*Latitude*" }, image: desktop }
`,
  );
});
afterEach(() => rm(folder, { recursive: true }));

const explain = (machine: string, ...fact: string[]) => explainMachine(file, machine, { fact, json: false });

it('says which node or rule a machine gets, and why no other', async () => {
  expect(await explain('n2')).toContain('nodes.n2.match: serial is S2');
  expect(await explain('n1')).toMatch(/not +rules\.laptops: product is not known, and should be \*Latitude\*/);
  const stranger = await explain('525400000077', 'product=Latitude 5550');
  expect(stranger).toMatch(/^rule +rules\.laptops$/m);
  expect(stranger).toMatch(/^image +desktop \(rules\.laptops\.image\)$/m);
  expect(await explain('525400000077', 'product=OptiPlex')).toMatch(/product is OptiPlex, not \*Latitude\*/);
});

it('names what is wrong with its words', async () => {
  await expect(explain('n9')).rejects.toThrow('there is no node "n9"');
  await expect(explain('n1', 'colour=red')).rejects.toThrow('expected NAME=VALUE, with one of uuid, serial');
  expect(JSON.parse(await explainMachine(file, 'n1', { fact: [], json: true }))).toMatchObject({
    matched: 'nodes.n1',
    rule: null,
    lost: [{ what: 'rules.laptops' }],
  });
});
