import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { chooseImage } from '../../src/images/oci/choose-image.ts';
import { readIndexes } from '../../src/images/oci/oci-image.ts';
import { runLibrary, SHELLS, scratch } from './shell.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** An image of an index: its label, and its platform as `os/architecture/variant`. */
type Entry = readonly [label: string | undefined, platform: string | undefined];
/** What is asked of an index: a label, and a machine as `uname -m` names it. */
interface Question {
  readonly index: readonly Entry[];
  readonly label: string;
  readonly machine: string;
}

/** The same machines as images name them. */
const MACHINES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  i686: '386',
  aarch64: 'arm64/v8',
  armv8l: 'arm/v8',
  armv7l: 'arm/v7',
  armv6l: 'arm/v6',
  armv5tel: 'arm/v5',
  s390x: 's390x',
  loongarch64: 'loong64',
};

const digestOf = (i: number) => `sha256:${String(i).padStart(64, '0')}`;

const indexText = (index: readonly Entry[]) =>
  JSON.stringify({
    schemaVersion: 2,
    manifests: index.map(([label, platform], i) => {
      const [os, architecture, variant] = platform?.split('/') ?? [];
      return {
        digest: digestOf(i),
        size: 1,
        ...(label !== undefined && { annotations: { 'org.opencontainers.image.ref.name': label } }),
        ...(platform !== undefined && { platform: { os, architecture, variant } }),
      };
    }),
  });

/** The builder's answers: an image's number in its index, or why there is none. */
function inBuilder({ index, label, machine }: Question): string {
  try {
    const { digest } = chooseImage(readIndexes(indexText(index)) ?? [], label, MACHINES[machine] ?? '');
    return String(Number(digest.slice(7)));
  } catch (error) {
    return (error as Error).message;
  }
}

/** A node's answers. */
async function inShell(shell: readonly [string, ...string[]], questions: readonly Question[]) {
  const { path, remove } = await scratch();
  cleanups.push(remove);
  await mkdir(join(path, 'asked'));
  await Promise.all(questions.map(({ index }, i) => writeFile(join(path, `asked/${i}`), indexText(index))));
  const ask = ({ label, machine }: Question, i: number) =>
    `cp ${path}/asked/${i} $slipway_work/index.json; oci_label='${label}' machine=${machine}
     if oci_choose_image; then echo "$oci_digest"; else cat $slipway_run/failure; fi`;
  const { stdout } = await runLibrary(shell, path, `uname() { echo $machine; }\n${questions.map(ask).join('\n')}`);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^sha256:0*(\d+)$/, '$1'));
}

const [AMD, ARM] = ['linux/amd64', 'linux/arm64'];
const ask = (index: readonly Entry[], machine: string, label = 'latest'): Question => ({ index, label, machine });
const bare = (...platforms: readonly (string | undefined)[]) => platforms.map((each): Entry => [undefined, each]);
const latest = (...platforms: readonly (string | undefined)[]) => platforms.map((each): Entry => ['latest', each]);
const ARMS = bare('linux/arm/v5', 'linux/arm/v8', 'linux/arm/v6', 'linux/arm/v7', 'linux/arm');

const CASES: readonly (readonly [string, Question, string | RegExp])[] = [
  ['the only image', ask(bare(undefined), 'x86_64'), '0'],
  ['the only image, of another label', ask([['v2', undefined]], 'x86_64'), '0'],
  ['platforms with a label, the first', ask(latest(AMD, ARM), 'x86_64'), '0'],
  ['platforms with a label, the last', ask(latest(AMD, ARM), 'aarch64'), '1'],
  ['platforms without a label, the first', ask(bare(AMD, ARM), 'x86_64'), '0'],
  ['platforms without a label, the last', ask(bare(AMD, ARM), 'aarch64'), '1'],
  [
    'platforms with a reference',
    ask(
      [
        ['a/b:latest', ARM],
        ['a/b:latest', AMD],
      ],
      'x86_64',
    ),
    '1',
  ],
  [
    'platforms with another label',
    ask(
      [
        ['v2', ARM],
        ['v2', AMD],
      ],
      'x86_64',
    ),
    '1',
  ],
  [
    'one label of two',
    ask(
      [
        ['v1', AMD],
        ['v2', AMD],
        ['v2', ARM],
      ],
      'x86_64',
      'v2',
    ),
    '1',
  ],
  [
    'a label of its own before a reference',
    ask(
      [
        ['a:v2', AMD],
        ['v2', AMD],
      ],
      'x86_64',
      'v2',
    ),
    '1',
  ],
  ['the variant itself', ask(ARMS, 'armv7l'), '3'],
  ['another one itself', ask(ARMS, 'armv6l'), '2'],
  ['the next lower variant', ask(bare('linux/arm/v5', 'linux/arm/v6', 'linux/arm/v8'), 'armv7l'), '1'],
  ['no variant, where the others are too high', ask(bare('linux/arm/v7', 'linux/arm'), 'armv6l'), '1'],
  ['arm64 with its variant', ask(bare('linux/arm/v8', 'linux/arm64/v8'), 'aarch64'), '1'],
  ['none of a higher amd64', ask(bare('linux/amd64/v3', AMD), 'x86_64'), '1'],
  ['an image beside its attestation', ask(bare('unknown/unknown', AMD), 'x86_64'), '1'],
  ['an attestation first, all of one label', ask(latest('unknown/unknown', ARM, AMD), 'x86_64'), '2'],
  ['Linux before Windows', ask(bare('windows/amd64', AMD), 'x86_64'), '1'],
  ['one that fits before one that says nothing', ask(latest(undefined, AMD), 'x86_64'), '1'],
  ['one that says nothing before one that does not fit', ask(latest(ARM, undefined), 'x86_64'), '1'],
  ['the first of the same', ask(latest(AMD, AMD), 'x86_64'), '0'],
  [
    'nothing that fits',
    ask(bare('linux/arm/v7', ARM, 'linux/arm/v7'), 'x86_64'),
    /linux\/amd64.*but for linux\/arm\/v7, linux\/arm64$/,
  ],
  ['only a variant that is too high', ask(bare('linux/arm/v7'), 'armv6l'), /but for linux\/arm\/v7$/],
  [
    'two images without a label',
    ask(bare(undefined, undefined), 'x86_64'),
    /no image labelled latest.*\(none\), \(none\)$/,
  ],
  [
    'two labels, none asked for',
    ask(
      [
        ['v1', AMD],
        ['v2', AMD],
      ],
      'x86_64',
    ),
    /no image labelled latest.*v1, v2$/,
  ],
  [
    'two references',
    ask(
      [
        ['a:v1', AMD],
        ['b:v1', AMD],
      ],
      'x86_64',
      'v1',
    ),
    /no image labelled v1.*a:v1, b:v1$/,
  ],
  ['a label that is not there', ask(latest(AMD), 'x86_64', 'v3'), /no image labelled v3; .*latest$/],
  ['nothing at all', ask([], 'x86_64'), /no image labelled latest/],
  ['attestations alone', ask(bare('unknown/unknown'), 'x86_64'), /no image labelled latest/],
];

describe.each(SHELLS.map((shell) => [shell] as const))('builder and %s', (shell) => {
  test('choose the same image of an index, the right one', async () => {
    const nodes = await inShell(
      shell,
      CASES.map(([, question]) => question),
    );
    for (const [i, [what, question, expected]] of CASES.entries()) {
      for (const answer of [inBuilder(question), nodes[i]]) {
        if (typeof expected === 'string') expect(answer, what).toBe(expected);
        else expect(answer, what).toMatch(expected);
      }
    }
  });

  test('choose the same image of whatever index', async () => {
    const entry = fc.tuple(
      fc.constantFrom(undefined, 'latest', 'v2', 'a:latest', 'b:latest'),
      fc.constantFrom(undefined, ...[AMD, ARM, 'linux/arm64/v8', 'linux/arm', 'linux/arm/v6', 'linux/arm/v7']),
    );
    const questions = fc.sample(
      fc.record({
        index: fc.array(entry, { maxLength: 4 }),
        label: fc.constantFrom('latest', 'v2'),
        machine: fc.constantFrom(...Object.keys(MACHINES)),
      }),
      { numRuns: 50, seed: 20 },
    );
    const kind = (answer: string) => /no image labelled|is not for/.exec(answer)?.[0] ?? answer;
    expect((await inShell(shell, questions)).map(kind)).toEqual(questions.map(inBuilder).map(kind));
  });

  test('an index says nothing to a terminal', async () => {
    const [answer] = await inShell(shell, [ask([['\u001b[2J\u0007', AMD]], 'x86_64', 'v1')]);
    expect(answer).toContain('its labels: ?[2J?');
  });
});
