import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createFitLog } from '../../../src/daemon/fit/log-misfits.ts';
import type { ServingState } from '../../../src/daemon/serving/serving-state.ts';
import { loadTemplates } from '../../../src/ipxe-templates/nunjucks/load.ts';
import { Templates } from '../../../src/ipxe-templates/nunjucks/render.ts';
import { defaultRoot } from '../../../src/model/boot/root-methods/methods.ts';
import type { BootEvent } from '../../../src/model/event.ts';
import type { Node } from '../../../src/model/settings/node.ts';
import { aConfig, aNode, anImage, mac, settings, sourced } from '../../support/config.ts';

/** Nodes for which there is no iPXE, each with a setting of its own or all with one. */
const nodes = (count: number, from: (index: number) => string): readonly Node[] =>
  Array.from({ length: count }, (_, index) =>
    aNode({
      name: `n${index}`,
      macs: [
        mac(`52:54:00:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`),
      ],
      settings: settings({ arch: { value: 'arm64', from: from(index) } }),
    }),
  );

const own = (index: number) => `nodes.n${index}.arch`;
const templates = new Templates(await loadTemplates(undefined));
const state = (all: readonly Node[]) =>
  ({ config: aConfig(all), bootFiles: { has: () => false }, templates }) as unknown as ServingState;

function logging() {
  const events: BootEvent[] = [];
  const log = createFitLog((event) => events.push(event));
  return { log, take: () => events.splice(0).map(({ message }) => message) };
}

it('logs each warning once, and a new one when there is one', async () => {
  const { log, take } = logging();
  await log.look(state(nodes(1, own)), new Map());
  expect(take()).toEqual([expect.stringMatching(/^nodes\.n0\.arch: n0: there is no iPXE for arm64/)]);
  await log.look(state(nodes(1, own)), new Map());
  expect(take()).toEqual([]);
  await log.look(state(nodes(2, own)), new Map());
  expect(take()).toEqual([expect.stringMatching(/^nodes\.n1\.arch: n1: /)]);
  await log.look(state([]), new Map());
  await log.look(state(nodes(1, own)), new Map());
  expect(take()).toHaveLength(1);
});

it('logs twenty, and how many more there are', async () => {
  const { log, take } = logging();
  await log.look(state(nodes(500, own)), new Map());
  const messages = take();
  expect(messages).toHaveLength(21);
  expect(messages.at(-1)).toBe('and 480 more: "slipway check" lists all of them');
});

it('has one warning for all machines that share the setting', async () => {
  const { log, take } = logging();
  await log.look(state(nodes(300, () => 'profiles.arm.arch')), new Map());
  expect(take()).toEqual([expect.stringMatching(/^profiles\.arm\.arch: n0 and 299 more: /)]);
});

it('tells of kernel lines that are too long, also among many machines', async () => {
  const { log, take } = logging();
  const all = nodes(450, () => 'profiles.arm.arch').map((node, index) => {
    const value = 'x'.repeat(index === 420 ? 2100 : index);
    return { ...node, settings: settings({ args: [{ value, from: `nodes.${node.name}.args[0]` }] }) };
  });
  await log.look(state(all), new Map());
  expect(take()).toEqual([
    expect.stringMatching(/^nodes\.n420\.args\.0: the kernel line of nodes\.n420 has 2\d\d\d octets, \d+ too many: /),
  ]);
});

it('compares the memory that a machine said it has', async () => {
  const { log, take } = logging();
  const artifacts = await mkdtemp(join(tmpdir(), 'slipway-fit-'));
  onTestFinished(() => rm(artifacts, { recursive: true }));
  await writeFile(join(artifacts, 'r'), 'hsqs');
  await truncate(join(artifacts, 'r'), 2e9);
  const root = { ...defaultRoot('image'), source: { kind: 'artifact', path: 'r' } } as const;
  const { config, ...rest } = state([aNode({ settings: settings({ image: sourced(anImage(root)) }) })]);
  const says = (address: string, memory: unknown) =>
    log.observe({ ...{ event: 'boot.memory', level: 'debug', message: '', mac: address }, memory: memory as number });
  const look = () => log.look({ ...rest, config: { ...config, artifacts } } as ServingState, new Map());
  says('no address', 1e9);
  says('52:54:00:00:00:01', undefined);
  await look();
  expect(take()).toEqual([]);
  says('52:54:00:00:00:01', 1024 ** 3);
  await look();
  expect(take()).toEqual([
    expect.stringMatching(
      /^nodes\.n001: n001: 1 GiB of memory, as it last said itself, is too little for image debian, /,
    ),
  ]);
  says('52:54:00:00:00:01', 4 * 1024 ** 3);
  await look();
  expect(take()).toEqual([]);
});

it('says nothing of a configuration that is no longer in force', async () => {
  const { log, take } = logging();
  await Promise.all([log.look(state(nodes(400, own)), new Map()), log.look(state([]), new Map())]);
  expect(take()).toEqual([]);
});
