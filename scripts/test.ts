// Runs every check of the project and ends with one line that counts them all; with --all those too that take long, and
// with names (lint, unit, simulation, wire, e2e, slow) only those.

import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { relative } from 'node:path';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface FileReport {
  name: string;
  assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
}

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
/** What failed and why: told again at the end, where a long log is read first. */
const failures: string[] = [];
const started = Date.now();

function say(text: string): void {
  const minutes = ((Date.now() - started) / 60_000).toFixed(1);
  console.log(`\n=== ${text} (at ${minutes} min)`);
}

/** Runs a program with this terminal as its own and gives its exit code. */
function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', (error) => {
      console.log(`${command}: ${error.message}`);
      resolve(127);
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** A check that counts as one. */
async function check(name: string, command: string, args: readonly string[]): Promise<void> {
  say(name);
  const code = await run(command, args);
  total[code === 0 ? 'passed' : 'failed'] += 1;
  if (code !== 0) failures.push(name);
}

/** A part of the test suite, counted test by test. */
async function tests(project: string): Promise<void> {
  say(`tests: ${project}`);
  const file = `build/test-${project}.json`;
  await rm(file, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const code = await run('node', ['node_modules/vitest/vitest.mjs', 'run', '--project', project, ...reporters]);
  const report = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
  total.passed += report?.numPassedTests ?? 0;
  total.failed += report?.numFailedTests ?? 0;
  total.skipped += (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
  // A suite that broke before or after its tests is a failure that no test counts.
  if (code !== 0 && !report?.numFailedTests) {
    total.failed += 1;
    failures.push(`${project}: broke outside its tests`);
  }
  for (const { name, assertionResults } of (report?.testResults ?? []) as FileReport[]) {
    for (const test of assertionResults) {
      if (test.status !== 'failed') continue;
      const reason = test.failureMessages.join('\n').split('\n').slice(0, 12).join('\n    ');
      failures.push(`${relative('.', name)}: ${test.fullName}\n    ${reason}`);
    }
  }
}

const bin = (name: string) => `node_modules/.bin/${name}`;

const [all, named] = [process.argv.includes('--all'), process.argv.slice(2).filter((name) => name !== '--all')];
const parts = named.length > 0 ? named : ['lint', 'unit', 'simulation', 'wire', 'e2e', ...(all ? ['slow'] : [])];
for (const part of parts) {
  if (part !== 'lint') await tests(part);
  else {
    await check('lint', bin('biome'), ['check', '--error-on-warnings', '.']);
    await check('types', bin('tsc'), ['-p', 'tsconfig.json']);
    await check('unused code and dependencies', bin('knip'), []);
  }
}

for (const failure of failures) console.log(`\nFAILED: ${failure}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
