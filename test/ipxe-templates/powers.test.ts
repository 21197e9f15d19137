import { afterEach, expect, test } from 'vitest';
import { Templates } from '../../src/ipxe-templates/nunjucks/render.ts';

/** What a template gets as if it were a boot plan. */
const VARIABLES = { mac: '52:54:00:00:00:01', args: ['quiet'], vars: { rack: 7, big: 'x'.repeat(1000) } };

const templates = (text: string, others: Readonly<Record<string, string>> = {}) =>
  new Templates(
    new Map(
      Object.entries({ own: text, ...others }).map(([name, each]) => [name, { file: `/t/${name}.njk`, text: each }]),
    ),
  );
const render = (text: string, others?: Readonly<Record<string, string>>) =>
  templates(text, others).render('own', VARIABLES).trim();
const problem = (text: string, others?: Readonly<Record<string, string>>) =>
  templates(text, others).problem('own', VARIABLES);

const marked = globalThis as { pwned?: unknown };
afterEach(() => {
  delete marked.pwned;
});

const RUN = 'globalThis.pwned=1';
/** Backslashes keep the characters apart that nunjucks takes for its own. */
const HIDDEN = 'globalThis\\x2epwned\\x3d1';
const RUN_BY_NAME = `a";Function\`${HIDDEN}\`\`\`;"`;

test.each([
  `{{ range.constructor("${RUN}")() }}`,
  `{{ range["constructor"]("${RUN}")() }}`,
  `{{ range["con" + "structor"]("${RUN}")() }}`,
  `{{ range[["constructor"]]("${RUN}")() }}`,
  `{{ cycler.constructor("${RUN}")() }}`,
  `{{ joiner().constructor("${RUN}")() }}`,
  `{{ cycler("a").next.constructor("${RUN}")() }}`,
  `{{ mac.constructor.constructor("${RUN}")() }}`,
  `{{ "".constructor.constructor("${RUN}")() }}`,
  `{{ "".sub.constructor("${RUN}")() }}`,
  `{{ ("a" | safe).constructor.constructor("${RUN}")() }}`,
  `{{ (1).toFixed.constructor("${RUN}")() }}`,
  `{{ [].push.constructor("${RUN}")() }}`,
  `{{ [].flat["call"].constructor("${RUN}")() }}`,
  `{{ {}.constructor.constructor("${RUN}")() }}`,
  `{{ {}.__proto__.constructor.constructor("${RUN}")() }}`,
  `{{ {}.__defineGetter__.constructor("${RUN}")() }}`,
  `{{ r/a/.constructor.constructor("${RUN}")() }}`,
  `{{ r/a/.test.constructor("${RUN}")() }}`,
  `{{ constructor.constructor("${RUN}")() }}`,
  `{{ toString.constructor("${RUN}")() }}`,
  `{{ hasOwnProperty.constructor("${RUN}")() }}`,
  `{{ __proto__.constructor.constructor("${RUN}")() }}`,
  `{% macro m() %}{% endmacro %}{{ m.constructor("${RUN}")() }}`,
  `{% macro m() %}{{ caller.constructor("${RUN}")() }}{% endmacro %}{% call m() %}{% endcall %}`,
  `{% block b %}{{ super.constructor("${RUN}")() }}{% endblock %}`,
  `{% set f = range.constructor %}{{ f("${RUN}")() }}`,
  `{% for k, v in ("a" | safe) %}{{ v.constructor("${RUN}")() }}{% endfor %}`,
  `{% set c = 1 | valueOf %}{{ c.env.globals.range.constructor("${RUN}")() }}`,
  `{{ 1 | constructor }}{{ 1 | __defineGetter__(range) }}`,
  `{{ ["ctx"] | select("__defineGetter__", range) }}`,
  `{{ "a" is __defineGetter__(range) }}`,
  `{{ [range] | map("constructor") }}`,
  `{{ [range] | groupby("constructor") | dump }}`,
  `{{ self._TemplateReference__context.cycler.__init__.__globals__.os.popen("id") }}`,
  `{{ process.mainModule.require("child_process").execSync("id") }}`,
  `{{ global.process.exit(1) }}`,
  `{{ require("fs") }}`,
  `{{ env.loaders }}{{ context }}{{ runtime }}{{ frame }}`,
  // What nunjucks writes into its code as it stands in the template.
  `{% set ${RUN_BY_NAME} = 1 %}`,
  `{{ ${RUN_BY_NAME} }}`,
  `{% for ${RUN_BY_NAME} in [1] %}{% endfor %}`,
  `{% macro ${RUN_BY_NAME}() %}{% endmacro %}`,
  `{% macro m(${RUN_BY_NAME}) %}{% endmacro %}`,
  `{% macro m(a, ${RUN_BY_NAME}=1) %}{% endmacro %}`,
  `{% block ${RUN_BY_NAME} %}{% endblock %}`,
  `{{ 1 | ${RUN_BY_NAME} }}`,
  `{{ 1 is ${RUN_BY_NAME} }}`,
  `{% import "own" as ${RUN_BY_NAME} %}`,
  `{% from "own" import ${RUN_BY_NAME} %}`,
  `{% set "a\\", ${RUN}, \\"" = 1 %}`,
  `{% for a, "b\\", ${RUN}, \\"" in {x: 1} %}{% endfor %}`,
  `{% macro "a\\");${RUN};(\\""() %}{% endmacro %}`,
  `{% macro m(a, "b\\", ${RUN}, \\""=1) %}{% endmacro %}`,
  `{% import "own" as "a\\", ${RUN}, \\"" %}`,
  `{% from "own" import "a\\") && (${RUN}) || (\\"" %}`,
  `{{ 1 is "a\\" + (${RUN}) + \\"" }}`,
  `{{ 1 is "a\\" + (${RUN}) + \\""(1) }}`,
  `{{ vars["\\\\" + (${RUN}) + "\\\\"]() }}`,
  `{{ vars["\\\\\\", ${RUN}, \\\\\\""]() }}`,
  `{% asyncEach runtime in [1] %}{% endeach %}`,
  `{% asyncAll process in [1] %}{{ process }}{% endall %}`,
])('a template runs no code: %s', (text) => {
  expect(problem(`#!ipxe\n${text}`)).toMatchObject({ file: '/t/own.njk' });
  expect(marked.pwned).toBeUndefined();
});

test.each([
  '{{ [range] | join(",", "constructor") }}',
  '{{ [1] | sum("constructor") }}',
  '{% set a = {constructor: 1, __proto__: {x: 1} } %}{{ a.x or "none" }}',
  '{% set __proto__ = {x: range} %}{{ x or "none" }}',
  '{{ vars.__proto__ or mac.constructor or args.constructor or range.name or "none" }}',
])('nor does one that is let through give more than texts: %s', (text) => {
  expect(render(text)).not.toMatch(/native code|\[object/);
});

test('own members of plain data, macros and functions of nunjucks work as ever', () => {
  expect(render('{{ args.length }} {{ args[0] }} {{ args[0].length }} {{ vars["rack"] }}')).toBe('1 quiet 5 7');
  expect(render('{% set c = cycler("a", "b") %}{{ c.next() }}{{ c.next() }}{{ c.current }}')).toBe('abb');
  expect(render('{% set j = joiner("-") %}{% for i in range(2, 8, 3) %}{{ j() }}{{ i }}{% endfor %}')).toBe('2-5');
  expect(render('{% for i in range(3) %}{{ loop.index }}{% if not loop.last %},{% endif %}{% endfor %}')).toBe('1,2,3');
  expect(
    render('{% macro m(a, b=2) %}{{ a }}{{ b }}{{ caller() }}{% endmacro %}{% call m(1, b=3) %}x{% endcall %}'),
  ).toBe('13x');
  expect(render('{% import "lib" as lib %}{{ lib.m(5) }}', { lib: '{% macro m(x) %}<{{ x }}>{% endmacro %}' })).toBe(
    '<5>',
  );
  expect(render('{% from "lib" import m as n %}{{ n(5) }}', { lib: '{% macro m(x) %}<{{ x }}>{% endmacro %}' })).toBe(
    '<5>',
  );
  expect(render('{% include "lib" %}', { lib: '{{ mac }}' })).toBe('52:54:00:00:00:01');
  const base = 'a{% block b %}b{% endblock %}';
  expect(render('{% extends "base" %}{% block b %}{{ super() }}c{% endblock %}', { base })).toBe('abc');
  expect(render('{% set x %}a{{ 1 }}{% endset %}{{ x | upper | replace("A", "b") | center(6) | trim }}')).toBe('b1');
  expect(
    render(
      '{{ vars | dictsort | length }} {{ [3, 1] | sort | join(",") }} {{ 4 is divisibleby(2) }} {{ null is none }}',
    ),
  ).toBe('2 1,3 true true');
  expect(render('{{ "a" ~ 1 }} {{ 2 ** 3 // 3 }} {{ "x" if 1 in [1] else "y" }} {{ vars.nil | default("d") }}')).toBe(
    'a1 2 x d',
  );
});

const many = (count: number) => Array.from({ length: count }, () => `{% set x = x ~ x %}`).join('');
test.each([
  ['{{ range(1000000000) }}', /range gives no more/],
  ['{{ range(0, 1, 0.000000001) }}', /range gives no more/],
  ['{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}', /takes too long/],
  ['{% for a in range(9999) %}{{ vars.big }}{{ vars.big }}{% endfor %}', /longer than 1048576 characters/],
  ['{% for a in {length: 1e9} %}{% endfor %}', /takes too long|e9/],
  ['{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}', /call stack|takes too long/],
  ['{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}', /takes too long/],
  ['{% include "own" %}', /too many templates/],
  ['{% extends "own" %}', /too many templates/],
  ['{% import "own" as own %}', /too many templates/],
  [`{% set x = vars.big %}${many(40)}`, /larger than/],
  ['{% set x = [1] %}{% for i in range(60) %}{% set x = [x, x] %}{% endfor %}{{ x }}', /larger than/],
  ['{{ "a" | center(1000000000) }}', /would make more/],
  ['{{ "a" | center({valueOf: joiner("1000000000")} ) }}', /takes texts and numbers/],
  ['{{ "a" | indent(1000000000, true) }}', /would make more/],
  ['{{ [1] | batch(1000000000, "x") }}', /would make more/],
  ['{{ [1] | slice(1000000000) }}', /would make more/],
  ['{{ vars.big | replace("", vars.big) }}', /would make more/],
  ['{{ (vars.big | list) | join(vars.big) }}', /would make more/],
  ['{{ {length: 1000000000} | reverse }}', /is no list/],
  ['{{ {length: {valueOf: joiner("1000000000")} } | sum }}', /is no list/],
  ['{{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" | replace(r/(a+)+$/, "") }}', /regular expressions/],
])('a template has bounds: %s', (text, message) => {
  const before = process.cpuUsage();
  expect(problem(`#!ipxe\n${text}`)?.message).toMatch(message);
  // The processor's time: that of the clock is others' too.
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(2000);
});

test('faults have the file, the place and the name of what stands there', () => {
  const base = '#!ipxe\n{% block b %}{% endblock %}\n{{ vars.no or 1 }} {{ vars.nil.deep }}';
  expect(problem('{% extends "base" %}', { base })).toEqual({
    file: '/t/base.njk',
    line: 3,
    column: 23,
    message: 'prints "vars.nil.deep", which has no value here',
  });
  expect(problem('{% extends "base" %}{% block b %}\n {{ vars.child }}{% endblock %}', { base })).toMatchObject({
    file: '/t/own.njk',
    line: 2,
    column: 5,
    message: 'prints "vars.child", which has no value here',
  });
  expect(problem('#!ipxe\n\n  {{ vars.nothing() }}')).toMatchObject({
    line: 3,
    message: expect.stringContaining('cannot be called'),
  });
  expect(problem('#!ipxe\n\n  {{ vars.rack | upper }}')).toMatchObject({ line: 3, column: 18 });
});
