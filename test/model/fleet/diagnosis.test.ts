import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { diagnosisTable } from '../../../scripts/diagnosis-table.ts';
import type { BootStep, BootWithSteps } from '../../../src/model/fleet/boot.ts';
import { diagnose } from '../../../src/model/fleet/diagnosis/diagnosis.ts';
import { RULES } from '../../../src/model/fleet/diagnosis/diagnosis-rules.ts';
import { aBoot } from './machines.ts';

type Case = readonly [
  rule: string,
  steps: readonly Partial<BootStep>[],
  silence: number,
  more?: Partial<BootWithSteps>,
];

const FAILED = { outcome: 'failed' } as const;
const MINUTE = 60_000;
const gaveUp = (message: string): readonly Partial<BootStep>[] => [
  { stage: 'network' },
  { stage: 'root', happening: 'failed', message },
];
const tftp = (reason: string, bytes?: number): Partial<BootStep> => ({
  ...{ stage: 'boot-file', happening: 'failed', reason, bytes, message: 'pxelinux.0' },
});
const broken = (stage: 'kernel' | 'initrd' | 'root'): Partial<BootStep> => ({
  ...{ stage, happening: 'failed', reason: 'broke-off' },
});
const ignored = (reason: string, message = ''): readonly Partial<BootStep>[] => [
  { stage: 'dhcp', happening: 'ignored', reason, message },
];

/** Boots that each rule names, after some silence. */
const CASES: readonly Case[] = [
  ['failed-units', [{ stage: 'up', message: 'up, failed units: a.service' }], 0, { outcome: 'up' }],
  ['claimed', [{ stage: 'kernel' }, { stage: 'script', happening: 'ignored', reason: 'claimed' }], 0],
  ['no-driver', gaveUp('no route to 192.0.2.1 after 120 s; network: none: no driver in the initrd'), 0, FAILED],
  ['no-network', gaveUp('no route to 192.0.2.1 after 120 s; network: eth0 down, no address'), 0, FAILED],
  ['wrong-digest', gaveUp('x has the wrong SHA-256 digest: expected a, got b'), 0, FAILED],
  ['no-memory', gaveUp('the root file system does not fit into its memory (300 MB)'), 0, FAILED],
  ['certificate', gaveUp('https://x: curl: (60) SSL certificate problem (after 8 tries)'), 0, FAILED],
  ['root-gone', gaveUp('http://x: curl: (22) The requested URL returned error: 410 (after 8 tries)'), 0, FAILED],
  ['server-unreachable', gaveUp('http://x: curl: (7) Failed to connect (after 8 tries)'), 0, FAILED],
  ['wrong-architecture', gaveUp('the image is not for this machine (linux/amd64), but for linux/arm64'), 0, FAILED],
  ['no-init', gaveUp('the image has no /sbin/init'), 0, FAILED],
  ['missing-module', gaveUp('this initrd has no dracut module slipway-nbd, which root=x needs'), 0, FAILED],
  ['bad-archive', gaveUp('the archive lacks layer sha256:1'), 0, FAILED],
  ['root-breaks-off', [broken('root'), broken('root'), broken('root')], 0],
  ['initrd-failed', gaveUp('the overlay cannot be mounted'), 0, FAILED],
  ['kernel-gone', [{ ...broken('kernel'), reason: 'http-410' }, { stage: 'script' }], 0, { stage: 'kernel' }],
  ['kernel-breaks-off', [broken('kernel'), broken('initrd')], 0],
  ['root-stalled', [{ stage: 'root', happening: 'begun' }], 2 * MINUTE],
  ['unpack-stalled', [{ stage: 'unpack', happening: 'begun' }], 6 * MINUTE],
  ['never-up', [{ stage: 'switch-root' }], 6 * MINUTE],
  ['initrd-silent', [{ stage: 'network' }], 3 * MINUTE],
  ['kernel-silent', [{ stage: 'initrd' }], 4 * MINUTE],
  [
    'kernel-refused',
    [{ stage: 'kernel' }, { stage: 'script' }, { stage: 'kernel' }, { stage: 'script' }, { stage: 'kernel' }],
    0,
  ],
  ['kernel-only', [{ stage: 'kernel' }], 2 * MINUTE],
  ['script-unavailable', [{ stage: 'script', happening: 'failed', reason: 'unavailable', message: 'no k' }], 0],
  [
    'too-little-memory',
    [{ stage: 'script', happening: 'failed', reason: 'memory', message: 'the machine has 512 MiB of memory' }],
    0,
  ],
  ['script-ignored', [{ stage: 'script', happening: 'ignored', reason: 'ignored' }], 0],
  ['menu-waiting', [{ stage: 'script', happening: 'begun', reason: 'menu' }], 2 * MINUTE],
  ['script-silent', [{ stage: 'script' }], 2 * MINUTE],
  [
    'script-unreachable',
    [{ stage: 'boot-file' }, { stage: 'dhcp', reason: 'ipxe' }],
    2 * MINUTE,
    { stage: 'boot-file' },
  ],
  ['boot-file-same-block', [tftp('client-gone', 1468), tftp('client-gone', 1468)], 0],
  ['boot-file-missing', [tftp('missing')], MINUTE],
  ['boot-file-refused', [tftp('client-error')], 0],
  ['boot-file-timeouts', [tftp('client-gone')], 0],
  ['ipxe-silent', [{ stage: 'dhcp', reason: 'pxe' }, { stage: 'boot-file' }], 2 * MINUTE],
  ['boot-file-silent', [{ stage: 'boot-file', happening: 'begun' }], 3 * MINUTE],
  ['unknown-machine', ignored('ignored', 'no answer: ignored (no node has 52:54:00:00:00:01: the rule applies)'), 0],
  ['ignored', ignored('ignored', 'no answer: ignored (nodes.n.mac is 52:54:00:00:00:01)'), 0],
  ['no-boot-program', ignored('no-boot-file', 'snponly-arm64.efi'), 0],
  ['service-off', ignored('tftp-off'), 0],
  ['other-server', [{ stage: 'boot-server', happening: 'ignored', reason: 'other-server' }], 0],
  ['too-often', ignored('too-often'), 0],
  ['http-boot-silent', [{ stage: 'dhcp', reason: 'http' }], MINUTE],
  ['no-boot-server-request', [{ stage: 'dhcp', reason: 'pxe' }], MINUTE],
  [
    'boot-server-silent',
    [
      { stage: 'dhcp', reason: 'pxe' },
      { stage: 'boot-server', reason: 'pxe' },
    ],
    MINUTE,
  ],
  ['boot-loop', [{ stage: 'root' }], 0, { restarts: 3 }],
];

describe('the diagnosis', () => {
  it.each(CASES.map((each) => ({ name: each[0], each })))('$name', ({ each: [rule, steps, silence, more] }) => {
    const boot = aBoot(steps, more);
    expect(diagnose(boot, boot.last + silence)).toMatchObject({ rule });
  });

  it.each(CASES.filter(([, , silence]) => silence > 0).map((each) => ({ name: each[0], each })))(
    '$name only after some silence',
    ({ each: [, steps, , more] }) => {
      const boot = aBoot(steps, more);
      expect(diagnose(boot, boot.last + 1000)).toBeUndefined();
    },
  );

  it.each(CASES.filter(([, , , more]) => more?.outcome === 'failed').map((each) => ({ name: each[0], each })))(
    '$name not where the boot went on',
    ({ each: [, steps] }) => {
      const boot = aBoot([...steps, { stage: 'unpack', happening: 'begun' }]);
      expect(diagnose(boot, boot.last)).toBeUndefined();
    },
  );

  it('has nothing to say of a machine that is up', () => {
    const boot = aBoot([{ stage: 'root' }, { stage: 'up', message: 'up' }], { outcome: 'up' });
    expect(diagnose(boot, boot.last + 1e9)).toBeUndefined();
  });

  it('names what the boot before was stuck at where a machine is in a loop, unless more is known of this one', () => {
    const loop = { restarts: 4, before: 'the image has no init system' };
    expect(diagnose(aBoot([{ stage: 'script' }], loop), 0)).toMatchObject({
      rule: 'boot-loop',
      message: expect.stringContaining('4 times in a row, the last time since the image has no init system'),
    });
    expect(diagnose(aBoot(gaveUp('the image has no /sbin/init'), { ...loop, ...FAILED }), 0)).toMatchObject({
      rule: 'no-init',
    });
  });

  it('calls it no loop any more where the machine has stayed up', () => {
    const boot = aBoot([{ stage: 'up', message: 'up' }], { outcome: 'up', restarts: 5 });
    expect(diagnose(boot, boot.last + MINUTE)).toMatchObject({ rule: 'boot-loop' });
    expect(diagnose(boot, boot.last + 16 * MINUTE)).toBeUndefined();
  });

  it('does not take a download that broke off for the end of the initrd', () => {
    expect(diagnose(aBoot([{ stage: 'network' }, broken('root')], FAILED), 0)).toBeUndefined();
  });

  it('knows that iPXE was fetched though a request of the firmware came twice', () => {
    const begun = { stage: 'boot-file', happening: 'begun' } as const;
    const boot = aBoot([begun, { stage: 'boot-file' }, begun]);
    expect(diagnose(boot, boot.last + 2 * MINUTE)).toMatchObject({ rule: 'ipxe-silent' });
  });

  it('does not call a root stalled that has arrived, though the reports after it were lost', () => {
    const boot = aBoot([{ stage: 'root', happening: 'begun' }, { stage: 'root' }]);
    expect(diagnose(boot, boot.last + 2 * MINUTE)).toBeUndefined();
    expect(diagnose(boot, boot.last + 6 * MINUTE)).toMatchObject({ rule: 'unpack-stalled' });
  });

  it('knows that iPXE was fetched though the server ended another transfer when it stopped', () => {
    const boot = aBoot([{ stage: 'boot-file' }, tftp('stopped', 2936)]);
    expect(diagnose(boot, boot.last + 2 * MINUTE)).toMatchObject({ rule: 'ipxe-silent' });
  });

  it.each([[[tftp('stopped')]], [[tftp('client-gone'), tftp('stopped')]]])(
    'says that the server was stopped where the machine was not heard of again: %#',
    (steps) => {
      const boot = aBoot(steps);
      expect(diagnose(boot, boot.last)).toBeUndefined();
      expect(diagnose(boot, boot.last + 3 * MINUTE)).toMatchObject({ rule: 'boot-file-silent' });
    },
  );

  it('goes on about a download that stopped twice while the machine tries again, not after one', () => {
    const again = [{ reason: 'pxe' }, { stage: 'boot-file', happening: 'begun' }] as const;
    const at = { stage: 'boot-file' } as const;
    const gone = tftp('client-gone');
    expect(diagnose(aBoot([gone, ...again], at), 4000)).toBeUndefined();
    expect(diagnose(aBoot([gone, ...again, gone, ...again], at), 7000)).toMatchObject({ rule: 'boot-file-timeouts' });
    expect(diagnose(aBoot([gone, gone, ...again, { stage: 'boot-file' }], at), 7000)).toBeUndefined();
  });

  it('compares where TFTP ended with the time before, not with an end of the server that was stopped', () => {
    const [cut, gone] = [tftp('stopped', 1468), tftp('client-gone', 1468)];
    expect(diagnose(aBoot([gone, cut, gone]), 0)).toMatchObject({ rule: 'boot-file-same-block' });
    expect(diagnose(aBoot([cut, gone]), 0)).toMatchObject({ rule: 'boot-file-timeouts' });
  });

  it.each([
    ['boot-file-timeouts', undefined],
    ['boot-file-same-block', 0],
  ])('of a client that %s: by what it acknowledged', (rule, bytes) => {
    expect(diagnose(aBoot([tftp('client-gone', bytes), tftp('client-gone', bytes)]), 0)).toMatchObject({ rule });
  });

  it('has a case here for each rule, each name once', () => {
    expect(CASES.map(([rule]) => rule)).toEqual(RULES.map(({ name }) => name));
    expect(new Set(RULES.map(({ name }) => name)).size).toBe(RULES.length);
  });

  it('is in the documentation, rule by rule', () => {
    expect(readFileSync(new URL('../../../docs/diagnosis.md', import.meta.url), 'utf8')).toContain(diagnosisTable());
  });
});
