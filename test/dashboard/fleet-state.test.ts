import { describe, expect, it } from 'vitest';
import { labelOf, progressOf, stateText } from '../../dashboard/src/model/describe.ts';
import { FleetState, isStranger } from '../../dashboard/src/model/fleet-state.ts';
import { phaseOf } from '../../dashboard/src/model/phases.ts';
import { search } from '../../dashboard/src/model/search.ts';
import { aChange, aNode, aStatus } from './machines.ts';

const diagnosis = { rule: 'root-stalled', message: 'nothing was heard', remedy: 'look' };

function aFleet(): FleetState {
  const fleet = new FleetState();
  fleet.load(
    [aNode('n10'), aNode('n2', { labels: { rack: 'r7' } }), aNode('n03', { image: 'rescue' })],
    [aStatus('n2'), aStatus('n10', { stage: 'up', outcome: 'up' })],
  );
  return fleet;
}

describe('the fleet of the dashboard', () => {
  it('has the nodes that never asked too, by name with digits as numbers', () => {
    const all = aFleet().all();
    expect(all.map(({ name, phase }) => [name, phase])).toEqual([
      ['n2', 'initrd'],
      ['n03', 'quiet'],
      ['n10', 'up'],
    ]);
  });

  it('is moved on by a change, and by an older one not', () => {
    const fleet = aFleet();
    const before = fleet.all();
    fleet.apply(aChange(aStatus('n2', { last: 3000, stage: 'unpack' })));
    expect(fleet.get('n2')?.boot?.stage).toBe('unpack');
    fleet.apply(aChange(aStatus('n2', { last: 2500 })));
    fleet.apply(aChange(aStatus('n2', { id: 'f'.repeat(16), began: 500, last: 9000 })));
    expect(fleet.get('n2')?.boot?.stage).toBe('unpack');
    expect(fleet.all()).not.toBe(before);
    expect(fleet.all()).toBe(fleet.all());
  });

  it('knows how far a download is', () => {
    const fleet = aFleet();
    const step = { happening: 'progress', bytes: 25, length: 100, seconds: 5 } as const;
    fleet.apply(aChange(aStatus('n2', { last: 3000 }), step));
    const machine = fleet.get('n2');
    expect(machine?.boot?.rate).toBe(5);
    expect([machine && progressOf(machine), machine && stateText(machine)]).toEqual([0.25, 'root 25 %']);
  });

  it('forgets a diagnosis when the boot moves, and takes over new ones unless they are old', () => {
    const fleet = aFleet();
    fleet.diagnose([aStatus('n2', { diagnosis })]);
    expect(fleet.get('n2')?.phase).toBe('stuck');
    expect(labelOf(fleet.get('n2') ?? fail())).toBe('n2, root, debian, nothing was heard');
    fleet.apply(aChange(aStatus('n2', { last: 3000 })));
    expect(fleet.get('n2')?.phase).toBe('initrd');
    fleet.diagnose([aStatus('n2', { last: 2000, diagnosis })]);
    expect(fleet.get('n2')?.phase).toBe('initrd');
    fleet.diagnose([aStatus('n2', { last: 3000, diagnosis })]);
    fleet.diagnose([]);
    expect(fleet.get('n2')?.phase).toBe('initrd');
  });

  it('has machines without a node last, until they are adopted', () => {
    const fleet = aFleet();
    const stranger = aStatus('a0', { node: undefined });
    fleet.apply(aChange(stranger));
    expect(fleet.all().at(-1)?.name).toBe(stranger.mac);
    expect(fleet.all().filter(isStranger)).toHaveLength(1);
    fleet.apply(aChange({ ...stranger, node: 'a0', last: 9000 }));
    expect(fleet.all().map(({ name }) => name)).toEqual(['a0', 'n2', 'n03', 'n10']);
    const diagnosed = { ...aStatus('b0', { node: undefined }), diagnosis: { ...diagnosis, rule: 'unknown-machine' } };
    fleet.load([], [diagnosed]);
    fleet.configure([aNode('b0')]);
    expect(fleet.all().map(({ name, phase }) => [name, phase])).toEqual([['b0', 'initrd']]);
    fleet.load([], [aStatus('n2'), aStatus('n10'), aStatus('a0')]);
    fleet.configure([aNode('n2')]);
    expect(fleet.all().map(({ name }) => name)).toEqual(['a0', 'n2', 'n10']);
  });

  it('is searched by anything that matches', () => {
    const all = aFleet().all();
    const find = (query: string, ...phases: ('up' | 'quiet')[]) =>
      search(all, query, new Set(phases)).map(({ name }) => name);
    expect(find('')).toEqual(['n2', 'n03', 'n10']);
    expect(find('RACK=r7')).toEqual(['n2']);
    expect(find('52:54 n')).toEqual(['n2', 'n03', 'n10']);
    expect(find('image:rescue')).toEqual(['n03']);
    expect(find('-image:rescue stage:root')).toEqual(['n2']);
    expect(find('', 'up', 'quiet')).toEqual(['n03', 'n10']);
    expect(find('nothing')).toEqual([]);
  });

  it.each([
    [undefined, 'quiet'],
    [aStatus('n1', { outcome: 'unfinished' }), 'quiet'],
    [aStatus('n1', { outcome: 'failed', diagnosis }), 'failed'],
    [aStatus('n1', { outcome: 'up', stage: 'up', diagnosis }), 'stuck'],
    [aStatus('n1', { stage: 'dhcp' }), 'firmware'],
    [aStatus('n1', { stage: 'kernel' }), 'ipxe'],
    [aStatus('n1', { stage: 'switch-root' }), 'system'],
  ])('%j is %s', (boot, phase) => {
    expect(phaseOf(boot)).toBe(phase);
  });
});

function fail(): never {
  throw new Error('there is no such machine');
}
