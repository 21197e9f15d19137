#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { createProgram } from './commands/line/program.ts';
import { ConfigError } from './config/config-error.ts';
import { formatEvent, type LogFormat } from './daemon/log/format.ts';
import { PRIORITIES } from './daemon/log/journal.ts';
import type { BootEvent } from './model/event.ts';
import { plainMessage } from './model/plain-error.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Writes to standard output. A reader that went away is not an error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
const print = (text: string) => void process.stdout.write(text);

/** The format of {@link fail}: that of the log. Standard error of a service comes to the journal line by line. */
let failures: LogFormat = 'text';

/** Ends the command: messages on standard error, and exit status 1. */
function fail(error: unknown): void {
  const message = plainMessage(error);
  if (failures === 'json') {
    const events: BootEvent[] =
      error instanceof ConfigError
        ? error.problems.map((problem) => ({ event: 'config.problem', level: 'error', ...problem }))
        : [{ event: 'fatal', level: 'error', message }];
    for (const event of events) process.stderr.write(`${formatEvent('json', new Date(), event)}\n`);
  } else {
    const lines = `${error instanceof ConfigError ? '' : 'slipway: '}${message}`;
    const priority = failures === 'journal' ? `<${PRIORITIES.error}>` : '';
    process.stderr.write(`${lines.replace(/^/gm, priority)}\n`);
  }
  process.exitCode = 1;
}

const program = createProgram({
  version,
  print,
  fail,
  onFormat: (format) => {
    failures = format;
  },
});
await program.parseAsync().catch(fail);
