import { expect, test } from 'vitest';
import { checkTemplates } from '../../src/ipxe-templates/nunjucks/check.ts';
import { loadTemplates } from '../../src/ipxe-templates/nunjucks/load.ts';
import { unknownVariables } from '../../src/ipxe-templates/nunjucks/unknown-variables.ts';
import { aConfig, aNode, settings, sourced } from '../support/config.ts';

const at = (text: string) =>
  unknownVariables({ file: 't.ipxe.njk', text }).map((p) => `${p.line}:${p.column} ${p.message}`);

test('the built-in templates name only variables that exist', async () => {
  expect([...(await loadTemplates(undefined)).values()].flatMap(unknownVariables)).toEqual([]);
});

test('an unknown variable is found in a branch that nobody takes', () => {
  expect(at('#!ipxe\n{% if vars.never %}{{ nodee.name }}{% endif %}')).toEqual([
    expect.stringMatching(/^2:23 no variable "nodee" exists; expected one of: server, mac, node,/),
  ]);
});

test('an unknown member is found', () => {
  expect(at('{{ node.nmae }}')).toEqual([
    '1:8 no variable "node.nmae" exists; expected one of: node.name, node.hostname',
  ]);
});

test("a template's own names are no mistakes", () => {
  expect(
    at(`{% set a = 1 %}{{ a }}{% for arg in args %}{{ loop.index }} {{ arg | upper }}{% endfor %}
      {% for k, v in vars %}{{ k }}={{ v }}{% endfor %}
      {% macro m(x, y=2) %}{{ x }}{{ y }}{% endmacro %}{{ m(1) }}
      {% block b %}{% endblock %}{{ 'q' if args | sets('x') else 'r' }}`),
  ).toEqual([]);
});

const template = (text: string, vars = {}) =>
  checkTemplates(
    aConfig([aNode({ settings: settings({ template: sourced('own'), vars }) })]),
    new Map([['own', { file: '/t/own.ipxe.njk', text }]]),
  );

test('a variable without a value is an error at load time, with its place and the machine', () => {
  expect(template('#!ipxe\necho {{ vars.rack }}')).toEqual({
    ok: false,
    problems: [
      {
        file: '/t/own.ipxe.njk',
        line: 2,
        column: 9,
        message: 'prints "vars.rack", which has no value here (template "own", for nodes.n001)',
      },
    ],
  });
  expect(template('#!ipxe\necho {{ vars.rack }}', { rack: sourced(7) }).ok).toBe(true);
});

test('a mistake in the syntax has its place', () => {
  expect(template('#!ipxe\n{% if %}{% endif %}')).toMatchObject({
    ok: false,
    problems: [
      { file: '/t/own.ipxe.njk', line: 2, column: 7, message: expect.stringContaining('unexpected token: %}') },
    ],
  });
});

test.each(['', '\n', 'echo hello\n', '{# #!ipxe #}\n'])(
  'what gives no iPXE script is refused, a file half saved too: %j',
  (text) => {
    expect(template(text)).toMatchObject({
      ok: false,
      problems: [
        {
          file: '/t/own.ipxe.njk',
          line: 1,
          message: expect.stringMatching(/^gives no iPXE script: expected "#!ipxe"/),
        },
      ],
    });
  },
);

test('a syntax error has a place', () => {
  expect(template('#!ipxe\n{% if mac %}\n')).toMatchObject({
    ok: false,
    problems: [{ file: '/t/own.ipxe.njk', message: expect.stringContaining('expected elif') }],
  });
});

test('a template that does not exist is missing, and keeps no other machine from booting', () => {
  const config = aConfig([aNode({ settings: settings({ template: sourced('nowhere') }) })]);
  expect(checkTemplates(config, new Map())).toMatchObject({
    ok: true,
    missing: [{ message: 'template not found: nowhere.ipxe.njk (template "nowhere", for nodes.n001)' }],
  });
});

test('ten thousand machines of one shape are rendered once', async () => {
  const nodes = Array.from({ length: 10_000 }, (_, i) =>
    aNode({ name: `n${i}`, macs: [`02:00:00:00:${(i >> 8).toString(16)}:${i & 255}` as never] }),
  );
  expect(checkTemplates(aConfig(nodes), await loadTemplates(undefined)).ok).toBe(true);
});
