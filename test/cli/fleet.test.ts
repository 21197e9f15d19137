import { describe, expect, it } from 'vitest';
import { formatBoot, formatBoots, formatDurations, formatSpan, formatStatus } from '../../src/commands/fleet/text.ts';
import { aBoot } from '../model/fleet/machines.ts';

const boot = aBoot([{ stage: 'dhcp' }, { stage: 'script' }, { stage: 'root', at: 9000, message: 'odd \u001b[2J' }]);
const { steps: _, ...plain } = boot;

describe('the text of the fleet', () => {
  it.each([
    [0, '0 s'],
    [119_000, '119 s'],
    [120_000, '2 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 d'],
    [-5, '0 s'],
  ])('%i ms are %s', (ms, text) => {
    expect(formatSpan(ms)).toBe(text);
  });

  it('has a row for each machine', () => {
    const diagnosis = { rule: 'r', message: 'it is\u0007 stuck', remedy: 'unstick it' };
    const text = formatStatus(
      [
        { ...plain, message: '', bytes: 1_000_000, length: 4_000_000, rate: 2_000_000, diagnosis },
        { ...plain, node: undefined, outcome: 'up', message: '' },
      ],
      10_000,
    );
    expect(text.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['NODE', 'IMAGE', 'STAGE', 'PROGRESS', 'SINCE', 'RATE', 'DIAGNOSIS'],
      ['n001', 'debian', 'root', '25 %', '1 s', '2.0 MB/s', 'it is\\u0007 stuck: unstick it'],
      ['52:54:00:00:00:01', 'debian', 'up', '-', '1 s', '-'],
      [''],
    ]);
    expect(formatStatus([], 0)).toMatch(/no machine/);
  });

  it('has the steps of a boot, with the log of a failed one, and nothing that moves the cursor', () => {
    const failed = aBoot([
      { stage: 'root' },
      { stage: 'unpack', happening: 'failed', message: 'no', log: 'a\nb\u0008' },
    ]);
    expect(formatBoot({ ...failed, diagnosis: { rule: 'r', message: 'why', remedy: 'what' } })).toMatch(
      /1\.0 s {2}unpack {9}FAILED: no\n +\| a\n +\| b\\u0008\n\nwhy\nwhat\n$/,
    );
    expect(formatBoot(boot)).not.toContain('\u001b');
  });

  it('has boots with what each took', () => {
    expect(formatBoots([plain])).toMatch(/1970-01-01 00:00:00 {2}debian {2}under way {2}root +9 s/);
    expect(formatBoots([])).toMatch(/no boots/);
  });

  it('has the stages of a boot beside the median, the slowest marked', () => {
    const other = aBoot([{ stage: 'dhcp' }, { stage: 'root', at: 4000 }]);
    expect(
      formatDurations(boot, [other])
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['STAGE', 'TOOK', 'MEDIAN OF 1'],
      ['dhcp', '0.0 s', '0.0 s'],
      ['script', '1.0 s', '-'],
      ['root', '8.0 s', '4.0 s', 'slowest'],
      [''],
    ]);
  });
});
