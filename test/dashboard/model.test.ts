import { describe, expect, it } from 'vitest';
import { splitEvents } from '../../dashboard/src/live/events.ts';
import { explanationRows } from '../../dashboard/src/model/explain.ts';
import { fleetLink, nodeLink, readRoute } from '../../dashboard/src/model/routes.ts';
import { agoText, bytesText, count, spanText } from '../../dashboard/src/model/text.ts';
import { stagesAhead, ticksOf, timelineOf } from '../../dashboard/src/model/timeline.ts';
import { aBoot } from '../model/fleet/machines.ts';

describe('the timeline', () => {
  const boot = aBoot([
    { stage: 'dhcp', at: 0 },
    { stage: 'script', at: 1000 },
    { stage: 'root', at: 9000, happening: 'failed' },
  ]);
  const others = [
    aBoot([
      { stage: 'script', at: 500 },
      { stage: 'root', at: 2500 },
      { stage: 'up', at: 4000 },
    ]),
  ];

  it('has a span for each stage, with the median beside it', () => {
    const { spans, waiting, median } = timelineOf(boot, others, 12_000);
    expect(spans).toEqual([
      { stage: 'dhcp', from: 0, took: 0, median: undefined, isSlowest: false, hasFailed: false },
      { stage: 'script', from: 0, took: 1000, median: 500, isSlowest: false, hasFailed: false },
      { stage: 'root', from: 1000, took: 8000, median: 2000, isSlowest: true, hasFailed: true },
    ]);
    expect([waiting, median]).toEqual([3000, 4000]);
  });

  it('waits no more once the boot is over', () => {
    expect(timelineOf({ ...boot, outcome: 'failed' }, [], 12_000)).toMatchObject({ waiting: 0, length: 9000 });
    expect(stagesAhead(boot, others)).toEqual(['up']);
    expect(stagesAhead({ ...boot, outcome: 'failed' }, others)).toEqual([]);
  });

  it.each([
    [1000, 8, [0]],
    [53_000, 8, [0, 10_000, 20_000, 30_000, 40_000, 50_000]],
    [53_000, 3, [0, 30_000]],
    [100 * 3_600_000, 8, Array.from({ length: 8 }, (_, n) => n * 13 * 3_600_000)],
  ])('an axis of %i ms with up to %i marks has %j', (length, most, expected) => {
    expect(ticksOf(length, most)).toEqual(expected);
  });
});

it('events are taken out of a text, and the rest waits', () => {
  const split = splitEvents('id: 1\ndata: {"a":1}\n\n: \n\nid: 2\ndata: {}\n\nid: 3\nda');
  expect(split).toEqual({
    events: [
      [1, '{"a":1}'],
      [2, '{}'],
    ],
    rest: 'id: 3\nda',
  });
});

it('an explanation has a row for each value, with its origin', () => {
  const rows = explanationRows({
    why: 'nodes.n1',
    rule: null,
    lost: [{ what: 'rules.x', reason: 'mac' }],
    image: { value: 'debian', from: 'nodes.n1.image' },
    args: [{ value: 'quiet', from: 'profiles.p.args[0]' }],
    vars: { size: { value: 3, from: 'nodes.n1.vars' } },
    on_failure: { value: { action: 'shell' }, from: 'default' },
    kernel: { url: 'http://x/k', sha256: null },
  });
  expect(rows.map(({ name, value, from }) => [name, value, from])).toEqual([
    ['why', 'nodes.n1', ''],
    ['lost', 'rules.x', 'mac'],
    ['image', 'debian', 'nodes.n1.image'],
    ['args', 'quiet', 'profiles.p.args[0]'],
    ['vars.size', '3', 'nodes.n1.vars'],
    ['on failure', '{"action":"shell"}', 'default'],
    ['kernel', 'url: http://x/k', ''],
  ]);
});

describe('addresses of pages', () => {
  it.each([
    ['', { page: 'fleet', query: '', phases: new Set() }],
    ['#/?q=a%20b&phase=up,stuck,other', { page: 'fleet', query: 'a b', phases: new Set(['up', 'stuck']) }],
    ['#/node/52%3A54?boot=ab', { page: 'node', name: '52:54', boot: 'ab' }],
    ['#/unknown', { page: 'unknown' }],
    ['#/images', { page: 'images' }],
    ['#/node/', { page: 'fleet', query: '', phases: new Set() }],
    ['#/node/%zz', { page: 'fleet', query: '', phases: new Set() }],
  ])('%j is read', (hash, route) => {
    expect(readRoute(hash)).toEqual(route);
  });

  it('are written as they are read', () => {
    expect(readRoute(fleetLink('a b&c', ['up']))).toEqual({ page: 'fleet', query: 'a b&c', phases: new Set(['up']) });
    expect(readRoute(nodeLink('ü/1', 'ab'))).toEqual({ page: 'node', name: 'ü/1', boot: 'ab' });
    expect(fleetLink()).toBe('#/');
  });
});

it('figures are short', () => {
  expect([400, 9940, 31_000, 600_000, 9_000_000, 900_000_000].map(spanText)).toEqual([
    ...['0.4 s', '9.9 s', '31 s', '10 min', '3 h', '10 d'],
  ]);
  expect([0, 3400, 60_000].map(agoText)).toEqual(['now', '3 s ago', '60 s ago']);
  expect([0, 1023, 1536, 503_316_480].map(bytesText)).toEqual(['0 B', '1023 B', '1.5 KiB', '480 MiB']);
  expect([count(1, 'node'), count(2000, 'node')]).toEqual(['1 node', '2,000 nodes']);
});
