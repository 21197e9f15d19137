import { expect, it } from 'vitest';
import { BootFollower, type BootNews } from '../../../src/daemon/observe/boot-news.ts';
import type { BootEvent } from '../../../src/model/event.ts';
import { aTracker, eventsOf } from '../../model/fleet/machines.ts';

const events = eventsOf();

/** What a follower tells of events, a minute apart. */
function aFollower() {
  const tracker = aTracker();
  const follower = new BootFollower((id) => tracker.byId(id));
  const told: BootNews[] = [];
  let at = 0;
  const see = (...all: readonly (BootEvent | readonly BootEvent[])[]) => {
    for (const event of all.flat()) {
      at += 60_000;
      told.push(...follower.news(tracker.observe(event, at)));
    }
    return told.splice(0).map(({ kind, boot }) => `${kind} ${Number(boot.id)} ${boot.image} ${boot.steps.length}`);
  };
  return { see, follower, tracker };
}

it('a boot begins, and comes up or fails, each once', () => {
  const { see, tracker } = aFollower();
  expect(see(events.offer())).toEqual(['began 1 undefined 1']);
  expect(see(events.script(), events.fetched('/k'))).toEqual([]);
  const id = [...tracker.boots()][0]?.id ?? '';
  const report = (stage: string, happening: string) => events.report(id, stage, happening);
  expect(see(report('network', 'done'), report('root', 'failed'))).toEqual(['failed 1 debian 5']);
  expect(see(report('root', 'failed'), report('root', 'done'), report('up', 'done'))).toEqual(['up 1 debian 8']);
  expect(see(report('up', 'done'))).toEqual([]);
});

it('one that is begun anew is unfinished, with the steps that it had', () => {
  const { see } = aFollower();
  see(events.offer(), events.script(), events.fetched('/k'));
  expect(see(events.offer())).toEqual(['unfinished 1 debian 3', 'began 2 undefined 1']);
});

it('there is no news of what an earlier daemon has told', () => {
  const { see, follower, tracker } = aFollower();
  see(events.offer());
  const again = new BootFollower((id) => tracker.byId(id));
  again.know(tracker.boots());
  expect(again.news(tracker.observe(events.fetched('/k'), 120_000))).toEqual([]);
  expect(follower.news([])).toEqual([]);
});
