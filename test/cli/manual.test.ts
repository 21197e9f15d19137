import { expect, test } from 'vitest';
import { commandPages, configurationPage, roff } from '../../scripts/packages/manual.ts';
import { flatten, outline } from '../../src/commands/line/outline.ts';
import { createProgram } from '../../src/commands/line/program.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';

const EDITION = { version: '1.2.3', date: '2026-01-02' };

test('no text is a request or an escape of roff', () => {
  expect(roff(".br\n'x\na\\b -c")).toBe("\\&.br\n\\&'x\na\\eb \\-c");
});

test('every command has a page with its options and arguments', () => {
  const program = outline(createProgram({ version: '1', print: () => {}, fail: () => {}, onFormat: () => {} }));
  const pages = new Map(commandPages(program, EDITION).map(({ file, text }) => [file, text]));
  expect(pages.size).toBe(flatten(program).length);
  expect(pages.get('slipway.1')).toContain('\\fBslipway\\-image\\fR(1)');
  const build = pages.get('slipway-image-build.1');
  expect(build).toContain('.TH "SLIPWAY\\-IMAGE\\-BUILD" "1" "2026-01-02" "slipway 1.2.3"');
  expect(build).toContain('\\fIsource\\fR');
  expect(build).toContain('\\fB\\-\\-config \\fR\\fIfile\\fR');
});

test('the page on the configuration has each setting once, where it comes first', () => {
  const { file, text } = configurationPage(configJsonSchema(), EDITION);
  expect(file).toBe('slipway.yaml.5');
  expect(text).toContain('.SH SERVER\n');
  expect(text).toContain('\\fBserver.http.workers\\fR\n');
  expect(text.match(/\.kernel\\fR\nThe kernel: /g)).toHaveLength(1);
});
