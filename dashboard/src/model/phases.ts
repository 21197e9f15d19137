import type { Boot, Stage } from '../../../src/model/fleet/boot.ts';
import type { MachineStatus } from '../../../src/model/fleet/status.ts';

/** What people tell apart at a glance: each has a colour and a shape. */
export const PHASES = ['failed', 'stuck', 'firmware', 'ipxe', 'initrd', 'system', 'up', 'quiet'] as const;
export type Phase = (typeof PHASES)[number];

/** The names of phases, and what they mean. */
export const PHASE_TEXT: Readonly<Record<Phase, { readonly name: string; readonly means: string }>> = {
  failed: { name: 'Failed', means: 'the boot gave up' },
  stuck: { name: 'Stuck', means: 'does not go on, or is up with trouble' },
  firmware: { name: 'Firmware', means: 'the firmware asks for its boot program' },
  ipxe: { name: 'iPXE', means: 'iPXE fetches script, kernel and initrd' },
  initrd: { name: 'Initrd', means: 'the initrd fetches and makes the root' },
  system: { name: 'Starting', means: 'the system starts' },
  up: { name: 'Up', means: 'the system is up' },
  quiet: { name: 'Quiet', means: 'never asked, or not heard of for long' },
};

const PHASE_OF_STAGE: Readonly<Record<Stage, Phase>> = {
  dhcp: 'firmware',
  'boot-server': 'firmware',
  'boot-file': 'firmware',
  script: 'ipxe',
  kernel: 'ipxe',
  initrd: 'ipxe',
  network: 'initrd',
  root: 'initrd',
  verify: 'initrd',
  unpack: 'initrd',
  'switch-root': 'system',
  configuration: 'system',
  up: 'up',
  pipeline: 'up',
};

/** The phase of a stage, for its colour. */
export const phaseOfStage = (stage: Stage): Phase => PHASE_OF_STAGE[stage];

/** The phase of a machine by its last boot; quiet without one. */
export function phaseOf(boot: (Boot & Pick<MachineStatus, 'diagnosis'>) | undefined): Phase {
  if (!boot || boot.outcome === 'unfinished') return 'quiet';
  if (boot.outcome === 'failed') return 'failed';
  if (boot.diagnosis) return 'stuck';
  return boot.outcome === 'up' ? 'up' : PHASE_OF_STAGE[boot.stage];
}
