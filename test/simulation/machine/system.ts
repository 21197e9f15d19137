import type { BootStep } from '../../../src/model/fleet/boot.ts';
import type { KernelLine } from './ipxe.ts';
import type { Machine } from './machine.ts';

/** How the kernel's part ends. */
export type Ran = 'up' | 'again' | 'silent';

const DIGEST = 'd'.repeat(64);
/** What the initrd says where it gives up, as dracut-modules/90slipway-lib has it. */
const FAILURES = {
  'wrong-digest': `the image has the wrong SHA-256 digest: expected ${DIGEST}, got ${'e'.repeat(64)}. The server announced other bytes`,
  'little-memory': 'the root file system does not fit into its memory (300 MB). Give the machine more memory',
  'root-gone':
    'http://x/r: curl: (22) The requested URL returned error: 410 (after 8 tries). Check that the server has this file',
} as const;

type Report = Pick<BootStep, 'stage' | 'happening' | 'message'>;

/** Sends a report; it is lost where nobody listens. */
async function report(machine: Machine, token: string, step: Report): Promise<boolean> {
  await machine.sleep(0.01, 0.2);
  const came = await machine.around.server.report(token, step, machine.address);
  machine.note(`report: ${step.stage} ${step.happening}: ${came ?? 'nobody listens'}`);
  return came === 'accepted';
}

/** Says why there is no root, and restarts a minute later. */
async function giveUp(machine: Machine, token: string, stage: Report['stage'], message: string): Promise<Ran> {
  await report(machine, token, { stage, happening: 'failed', message });
  await machine.sleep(60);
  return 'again';
}

/** Fetches the root, tries again where it breaks off, and reports progress as the initrd does. */
async function fetchRoot(machine: Machine, { root, token }: KernelLine): Promise<boolean> {
  for (let attempt = 1; attempt <= 8; attempt++) {
    const part = machine.has('root-breaks-off') ? 0.5 : 1;
    const seconds = machine.around.random.between(2, 25);
    const fetched = await machine.around.server.download(root, machine.address, seconds, part);
    machine.note(`initrd: root: ${fetched}`);
    if (fetched === 'whole') return true;
    await report(machine, token, { stage: 'root', happening: 'progress', message: 'downloading' });
    await machine.sleep(Math.min(16, 2 ** (attempt - 1)));
  }
  return false;
}

/** Runs the initrd until the image's init starts. */
async function initrd(machine: Machine, line: KernelLine): Promise<Ran> {
  const { token } = line;
  const say = (stage: Report['stage'], happening: Report['happening']) =>
    report(machine, token, { stage, happening, message: `${stage} ${happening}` });
  await say('network', 'done');
  await say('root', 'begun');
  const failure = machine.fault && FAILURES[machine.fault.name as keyof typeof FAILURES];
  if (failure && !machine.has('wrong-digest')) return giveUp(machine, token, 'root', failure);
  if (!(await fetchRoot(machine, line))) {
    const said = 'http://x/r: curl: (18) transfer closed with outstanding read data remaining (after 8 tries)';
    return giveUp(machine, token, 'root', said);
  }
  await say('root', 'done');
  if (failure) return giveUp(machine, token, 'verify', failure);
  await say('verify', 'done');
  await say('unpack', 'begun');
  await machine.sleep(1, 10);
  await say('unpack', 'done');
  await say('switch-root', 'done');
  return 'up';
}

/** The system's own report, which is sent up to five times: slipway-up.sh. */
async function reportUp(machine: Machine, token: string): Promise<void> {
  const message = machine.has('failed-units') ? 'up, failed units: a.service' : 'up';
  for (const pause of [2, 4, 8, 16, 0]) {
    if (await report(machine, token, { stage: 'up', happening: 'done', message })) return;
    await machine.sleep(pause);
  }
}

/** Runs kernel, initrd and system. */
export async function runSystem(machine: Machine, line: KernelLine): Promise<Ran> {
  if (machine.has('kernel-hangs')) return 'silent';
  if (machine.has('panic-loop')) {
    await machine.sleep(15, 30);
    return 'again';
  }
  // The kernel starts, and the initrd gets its network: a switch may take its time to let it through.
  await machine.sleep(5, machine.around.random.chance(0.1) ? 60 : 20);
  if (machine.has('no-dhcp-in-initrd')) {
    await machine.sleep(180);
    return 'again';
  }
  const ran = await initrd(machine, line);
  if (ran !== 'up') return ran;
  if (machine.has('system-hangs')) return 'silent';
  await machine.sleep(10, 60);
  await reportUp(machine, line.token);
  return 'up';
}
