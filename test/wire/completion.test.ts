import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { completion } from '../../src/commands/line/completion.ts';
import { outline } from '../../src/commands/line/outline.ts';
import { createProgram } from '../../src/commands/line/program.ts';
import { must } from '../support/process.ts';

const PROGRAM = outline(createProgram({ version: '1', print: () => {}, fail: () => {}, onFormat: () => {} }));
const DRIVER = fileURLToPath(new URL('complete.zsh', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-completion-'));
  for (const shell of ['zsh', 'fish'] as const) await writeFile(join(folder, shell), completion(shell, PROGRAM));
});
afterAll(() => rm(folder, { recursive: true }));

/** The line that zsh makes of this one at Tab, and all that it prints with it. */
async function zsh(line: string): Promise<{ readonly line: string; readonly shown: string }> {
  const shown = await must('zsh', ['-f', DRIVER, join(folder, 'zsh'), line], { env: { ...process.env, TERM: 'dumb' } });
  return { line: /LINE:(.*):END/.exec(shown)?.[1] ?? '', shown };
}

test('zsh itself completes commands, options, choices and files, and shows what they are for', async () => {
  expect((await zsh('slipway se')).line).toBe('slipway serve ');
  expect((await zsh('slipway image b')).line).toBe('slipway image build ');
  expect((await zsh('slipway serve --lo')).line).toBe('slipway serve --log ');
  expect((await zsh('slipway serve --log json --ver')).line).toBe('slipway serve --log json --verbose ');
  expect((await zsh('slipway serve --log t')).line).toBe('slipway serve --log text ');
  expect((await zsh('slipway completion z')).line).toBe('slipway completion zsh ');
  expect((await zsh(`slipway check --config ${folder}/z`)).line).toBe(`slipway check --config ${folder}/zsh `);
  const { shown } = await zsh('slipway image ');
  for (const { path, description } of PROGRAM.commands.find((each) => each.path[0] === 'image')?.commands ?? [])
    expect(shown).toMatch(new RegExp(`^${path.at(-1)} +-- ${description.slice(0, 50)}`, 'm'));
});

/** What fish completes of a line: the words. */
async function fish(line: string): Promise<readonly string[]> {
  const commands = 'source $argv[1]; complete --do-complete $argv[2]';
  const offered = await must('fish', ['--no-config', '--command', commands, join(folder, 'fish'), line]);
  return offered.split('\n').flatMap((each) => each.split('\t')[0] || []);
}

test('fish itself completes commands, options, choices and files', async () => {
  expect(await fish('slipway se')).toEqual(['serve']);
  expect(await fish('slipway image ')).toEqual(expect.arrayContaining(['build', 'ls']));
  expect(await fish('slipway serve --lo')).toEqual(['--log']);
  expect(await fish('slipway serve --log json --ver')).toEqual(['--verbose']);
  expect([...(await fish('slipway serve --log j'))].sort()).toEqual(['journal', 'json']);
  expect(await fish('slipway completion z')).toEqual(['zsh']);
  expect(await fish(`slipway check --config ${folder}/z`)).toEqual([`${folder}/zsh`]);
});
