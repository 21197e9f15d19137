import { beforeAll, describe, expect, it } from 'vitest';
import type { Templates } from '../../src/ipxe-templates/nunjucks/render.ts';
import { type Outcome, type Seen, simulate } from './simulate.ts';
import { compileTemplates } from './world/served.ts';

/** The one seed that is to be replayed: `SEED=17 npm run test:simulation`. */
const ONLY = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
/** Machines of every seed, in place of the usual sizes: `MACHINES=1000 npm run test:simulation`. */
const COUNT = process.env.MACHINES === undefined ? undefined : Number(process.env.MACHINES);
/** Machines of most seeds, and of each fiftieth. */
const MACHINES = 40;
const MANY = 1000;

/** Machines that a seed has. */
const countOf = (seed: number): number => COUNT ?? (seed % 50 === 0 ? MANY : MACHINES);

/** What is wrong with what was seen of a machine, in words. */
function complaint({ machine, rules, status }: Seen): string | undefined {
  const { fault } = machine;
  const now = status?.diagnosis?.rule;
  if (!fault) {
    if (!machine.isUp) return 'is healthy and did not come up';
    if (status?.outcome !== 'up') return `is up, and the fleet says ${status?.outcome} at ${status?.stage}`;
    return now === undefined ? undefined : `is up, and has the diagnosis ${now}`;
  }
  const strange = [...rules].filter((rule) => !machine.allows(rule));
  if (machine.isUp !== fault.comesUp) return fault.comesUp ? 'did not come up' : 'came up';
  if (![...rules].some((rule) => machine.isNamedBy(rule))) {
    return `has no diagnosis ${fault.rules.join(' or ')}, but ${[...rules].join(', ') || 'none'}`;
  }
  return strange.length === 0 ? undefined : `has the diagnoses ${strange.join(', ')}`;
}

/** The machine's own history, and what the fleet made of it. */
function story({ machine, status, boot }: Seen): string {
  const steps = boot?.steps.slice(-40).map(({ at, stage, happening, reason, message }) => {
    return `  ${(at / 1000).toFixed(1)} ${stage} ${happening}${reason ? ` (${reason})` : ''}: ${message}`;
  });
  const about = `${status?.outcome} at ${status?.stage}, restarts ${boot?.restarts ?? 0}`;
  return [...machine.history.slice(-60), `the fleet: ${about}`, ...(steps ?? [])].join('\n');
}

/** Fails where a machine is not as its fault says, or the daemon keeps too much. */
function check(seed: number, { seen, thrown, sizes, timers }: Outcome): void {
  expect(thrown).toEqual([]);
  const wrong = seen.flatMap((each) => {
    const found = complaint(each);
    return found === undefined ? [] : [{ each, found }];
  });
  const [first] = wrong;
  if (first) {
    const lines = wrong.map(({ each: { machine }, found }) => {
      return `${machine.mac} (${machine.kind}, ${machine.fault?.name ?? 'healthy'}) ${found}`;
    });
    const size = COUNT === undefined ? '' : `MACHINES=${COUNT} `;
    const replay = `${size}SEED=${seed} npm run test:simulation replays it`;
    throw new Error(`${replay}\n${lines.join('\n')}\n\n${story(first.each)}`);
  }
  expect(sizes.attempts).toBeLessThanOrEqual(Math.min(seen.length, 4096));
  expect(sizes.ports).toBeLessThanOrEqual(seen.length);
  for (const { boot } of seen) expect(boot?.steps.length ?? 0).toBeLessThanOrEqual(201);
  expect(timers).toBeLessThan(seen.length);
}

/** Tests of these seeds; of the one that is to be replayed, if it is among them. */
export function testSeeds(first: number, last: number): void {
  const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  describe('a fleet', () => {
    let templates: Templates;
    beforeAll(async () => {
      templates = await compileTemplates();
    });
    for (const seed of seeds) {
      it.skipIf(ONLY !== undefined && ONLY !== seed)(`boots, and each fault is named: seed ${seed}`, async () => {
        check(seed, await simulate(seed, countOf(seed), templates));
      });
    }
  });
}
