// Writes the manual's pages and the shells' completion below a folder: write-share.ts FOLDER
//
// They are made from the same source as --help. SOURCE_DATE_EPOCH, seconds since 1970, is the pages' date.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { completion } from '../../src/commands/line/completion.ts';
import { outline } from '../../src/commands/line/outline.ts';
import { createProgram } from '../../src/commands/line/program.ts';
import { commandPages, configurationPage } from './manual.ts';

const TOP = new URL('../../', import.meta.url);
const read = (name: string) => JSON.parse(readFileSync(new URL(name, TOP), 'utf8'));
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: write-share.ts FOLDER');
const write = (name: string, text: string) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
};

const { version } = read('package.json') as { version: string };
const { SOURCE_DATE_EPOCH } = process.env;
const date = SOURCE_DATE_EPOCH === undefined ? new Date() : new Date(Number(SOURCE_DATE_EPOCH) * 1000);
const edition = { version, date: date.toISOString().slice(0, 10) };
const program = outline(createProgram({ version, print: () => {}, fail: () => {}, onFormat: () => {} }));

const pages = [...commandPages(program, edition), configurationPage(read('config.schema.json'), edition)];
for (const { file, text } of pages) write(`man/man${file.slice(-1)}/${file}`, text);
write('bash-completion/completions/slipway', completion('bash', program));
write('zsh/vendor-completions/_slipway', completion('zsh', program));
write('fish/vendor_completions.d/slipway.fish', completion('fish', program));
