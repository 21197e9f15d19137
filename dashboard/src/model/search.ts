import type { Machine } from './fleet-state.ts';
import type { Phase } from './phases.ts';

/** What `key:text` compares in place of all text. */
const FIELDS: Readonly<Record<string, (machine: Machine) => string | undefined>> = {
  name: ({ name }) => name,
  node: ({ name }) => name,
  mac: ({ boot, node }) => [...(node?.macs ?? []), boot?.mac ?? ''].join(' '),
  image: ({ boot, node }) => boot?.image ?? node?.image,
  version: ({ boot }) => boot?.version,
  stage: ({ boot }) => boot?.stage,
  outcome: ({ boot }) => boot?.outcome,
  phase: ({ phase }) => phase,
  profile: ({ node }) => node?.profiles.join(' '),
  rule: ({ boot }) => boot?.diagnosis?.rule,
};

type Test = (machine: Machine) => boolean;

/** One word: what it is found in, turned round by a minus sign in front. */
function testOf(word: string): Test {
  if (word.startsWith('-') && word.length > 1) {
    const test = testOf(word.slice(1));
    return (machine) => !test(machine);
  }
  const [, key = '', value = ''] = /^([a-z]+):(.+)$/.exec(word) ?? [];
  const field = FIELDS[key];
  if (field) return (machine) => (field(machine) ?? '').toLowerCase().includes(value);
  return ({ text }) => text.includes(word);
}

/**
 * The machines that fit all words of a query, and one of the phases where some are chosen. A word is looked for in
 * names, addresses, images, labels, stages and messages; `image:debian` in the image alone; `-word` leaves out.
 */
export function search(machines: readonly Machine[], query: string, phases: ReadonlySet<Phase>): readonly Machine[] {
  const tests = query.toLowerCase().split(/\s+/).filter(Boolean).map(testOf);
  if (tests.length === 0 && phases.size === 0) return machines;
  return machines.filter(
    (machine) => (phases.size === 0 || phases.has(machine.phase)) && tests.every((test) => test(machine)),
  );
}
