import { expect, test } from 'vitest';
import { readValues } from '../../src/config/yaml/read-values.ts';
import { configOf, problemsOf } from './read.ts';

const IMAGES = 'images: { debian: { kernel: vmlinuz } }';
const node = (yaml: string, name: string) => configOf(yaml).nodes.find((each) => each.name === name);

test('merge keys and x- keys: own settings win, then the first mapping of a list', () => {
  const yaml = `x-common: &common { image: debian, args: [quiet], x-note: { any: [thing] } }
x-rack: &rack { image: nothing, vars: { rack: 7 } }
${IMAGES}
nodes:
  n1:
    <<: *common
    mac: "52:54:00:00:00:01"
    x-owner: somebody
  n2: { args: [loud], <<: [*common, *rack], mac: "52:54:00:00:00:02" }
  x-3: { <<: { image: debian }, mac: "52:54:00:00:00:03" }
`;
  expect(problemsOf(yaml)).toEqual([]);
  expect(node(yaml, 'n1')?.settings).toMatchObject({
    image: { value: { name: 'debian' } },
    args: [{ value: 'quiet' }],
  });
  expect(node(yaml, 'n2')?.settings).toMatchObject({
    image: { value: { name: 'debian' } },
    args: [{ value: 'loud' }],
    vars: { rack: { value: 7 } },
  });
  expect(node(yaml, 'x-3')?.settings.image?.value.name).toBe('debian');
});

test('the quick reader takes x- keys, and leaves merge keys to the other', () => {
  const yaml = `x-note: 1\n${IMAGES}\nserver:\n  x-note: 2\n  http: { x-note: 3 }\n`;
  expect(readValues(yaml)).toBeDefined();
  expect(problemsOf(yaml)).toEqual([]);
  expect(readValues('a:\n  <<: b\n')).toBeUndefined();
  expect(readValues('a: { <<: b }\n')).toBeUndefined();
});

test('what is wrong in a merged mapping stands where it is written', () => {
  expect(
    problemsOf(`x-a: &a { imgae: debian }\n${IMAGES}\nnodes:\n  n1: { <<: *a, mac: 525400000001, image: debian }`),
  ).toEqual([expect.stringMatching(/^1:11: unknown key "imgae" in nodes.n1: /)]);
  expect(
    problemsOf(
      `x-a: &a\n  args: quiet\nx-b: &b\n  <<: [*a]\n${IMAGES}\nnodes:\n  n1: { <<: *b, mac: 525400000001, image: debian }`,
    ),
  ).toEqual([expect.stringMatching(/^2:9: nodes\.n1\.args: expected/)]);
});

test.each([
  ['5', 'nodes:\n  n1: { <<: 5, mac: 525400000001, image: debian }'],
  ['a list of texts', 'nodes:\n  n1: { <<: [a], mac: 525400000001, image: debian }'],
])('%s cannot be merged', (_, nodes) => {
  expect(problemsOf(`${IMAGES}\n${nodes}`)).toContain('3:9: "<<" expects a mapping or a list of them');
});

test('a quoted "<<" is a key like others', () => {
  expect(problemsOf(`${IMAGES}\nnodes:\n  n1: { "<<": { image: debian }, mac: 525400000001 }`)).toEqual(
    expect.arrayContaining([expect.stringContaining('unknown key "<<"')]),
  );
});
