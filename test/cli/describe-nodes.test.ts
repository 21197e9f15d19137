import { describe, expect, it } from 'vitest';
import { describeNodes, formatNodes } from '../../src/commands/check/describe-nodes.ts';
import { configOf, FIRST_FILE } from '../config/read.ts';

const THREE = FIRST_FILE.replace(
  'unknown: { action: ignore }',
  '  disk: { mac: [525400000002, 525400000003], action: local, hostname: d1 }\nunknown: { action: boot, profile: compute }',
);

describe('the summary of nodes', () => {
  it('has one entry a node for programs', () => {
    expect(describeNodes(configOf(THREE))).toEqual([
      {
        name: 'n001',
        hostname: 'n001',
        macs: ['52:54:00:00:00:01'],
        action: 'boot',
        image: 'debian',
        method: 'bootc-live',
        template: 'bootc-live',
        profiles: ['compute'],
        args: ['console=ttyS0', 'quiet', 'hugepages=64'],
        vars: { role: 'compute', rack: 7 },
      },
      {
        name: 'disk',
        hostname: 'd1',
        macs: ['52:54:00:00:00:02', '52:54:00:00:00:03'],
        action: 'local',
        image: null,
        method: null,
        template: 'local',
        profiles: [],
        args: [],
        vars: {},
      },
    ]);
  });

  it('is an aligned table for people', () => {
    expect(formatNodes(configOf(THREE))).toBe(
      [
        'NODE       MAC                                  IMAGE    METHOD      PROFILES  ARGS',
        'n001       52:54:00:00:00:01                    debian   bootc-live  compute   console=ttyS0 quiet hugepages=64',
        'disk       52:54:00:00:00:02,52:54:00:00:00:03  (local)  -           -         -',
        '(unknown)  *                                    debian   bootc-live  -         console=ttyS0 quiet',
        '',
      ].join('\n'),
    );
  });

  it('tells of unknown machines also where there is no node', () => {
    expect(formatNodes(configOf(''))).toBe(
      'NODE       MAC  IMAGE     METHOD  PROFILES  ARGS\n(unknown)  *    (ignore)  -       -         -\n',
    );
  });
});
