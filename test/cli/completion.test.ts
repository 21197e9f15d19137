import { expect, test } from 'vitest';
import { completion } from '../../src/commands/line/completion.ts';
import { flatten, outline } from '../../src/commands/line/outline.ts';
import { createProgram } from '../../src/commands/line/program.ts';
import { run } from '../support/process.ts';

const PROGRAM = outline(createProgram({ version: '1', print: () => {}, fail: () => {}, onFormat: () => {} }));

test('the outline has what help shows, at every depth', () => {
  const paths = flatten(PROGRAM).map(({ path }) => path.join(' '));
  expect(paths).toEqual(expect.arrayContaining(['', 'serve', 'image build', 'completion']));
  const serve = PROGRAM.commands.find(({ path }) => path[0] === 'serve');
  expect(serve?.options.find(({ long }) => long === '--log')).toMatchObject({
    value: '<format>',
    choices: ['text', 'json', 'journal'],
  });
});

/** What bash completes of these words, the last of which is being written. */
async function bash(...words: readonly string[]): Promise<readonly string[]> {
  const script = `${completion('bash', PROGRAM)}
    compopt() { echo files; }
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _slipway; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await run('bash', ['-c', script, 'bash', 'slipway', ...words]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, options, choices and files', async () => {
  expect(await bash('im')).toEqual(['image']);
  expect(await bash('image', '')).toEqual(expect.arrayContaining(['build', 'ls']));
  expect(await bash('serve', '--lo')).toEqual(['--log']);
  expect(await bash('serve', '--log', 'j')).toEqual(['json', 'journal']);
  expect(await bash('serve', '--log', 'json', '--ver')).toEqual(['--verbose']);
  expect(await bash('check', '--config', '')).toEqual(['files']);
  expect(await bash('completion', 'z')).toEqual(['zsh']);
});

test('the scripts for zsh and fish name every command and option, in quotes', () => {
  for (const shell of ['zsh', 'fish'] as const) {
    const script = completion(shell, PROGRAM);
    for (const { path, options } of flatten(PROGRAM)) {
      if (path.length > 0) expect(script).toContain(path.at(-1));
      for (const { long } of options) expect(script).toContain(shell === 'zsh' ? `'${long}[` : `-l ${long.slice(2)}`);
    }
  }
  expect(completion('zsh', PROGRAM)).toContain("the node'\\''s name");
  expect(completion('fish', PROGRAM)).toContain("the node\\'s name");
});
