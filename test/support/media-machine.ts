import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CPU, type Machine, OVMF } from './machine.ts';
import { start } from './process.ts';
import { type Report, reportOf } from './roots.ts';

/** A virtual machine that boots from a disk, without any network. */
export interface MediaMachineSpec {
  /** A disk image; nothing is written to it. */
  readonly disk: string;
  /** Whether its firmware starts only what is signed with a key that Microsoft vouches for. */
  readonly secureBoot: boolean;
  /** A copy of the console goes to this file. */
  readonly log?: string;
}

/** In system management mode only may the firmware's variables be written, Secure Boot's among them. */
const SECURE = [
  ...['-machine', 'q35,smm=on', '-global', 'driver=cfi.pflash01,property=secure,value=on'],
  ...['-global', 'ICH9-LPC.disable_s3=1'],
];

/** Switches such a machine on. */
export async function powerOnMedia({ disk, secureBoot, log }: MediaMachineSpec): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-vm-'));
  const vars = join(folder, 'vars.fd');
  const keys = secureBoot ? '.ms' : '';
  await copyFile(`${OVMF}/OVMF_VARS_4M${keys}.fd`, vars);
  const console = start(
    'qemu-system-x86_64',
    [
      ...CPU,
      ...(secureBoot ? SECURE : ['-machine', 'q35']),
      ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${OVMF}/OVMF_CODE_4M${keys}.fd`],
      ...['-drive', `if=pflash,format=raw,unit=1,file=${vars}`],
      ...['-m', '1536', '-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot', '-nic', 'none'],
      ...['-object', 'rng-random,id=r0,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=r0'],
      ...['-drive', `format=raw,file=${disk},if=none,id=disk,snapshot=on`],
      ...['-device', 'virtio-blk-pci,drive=disk,bootindex=0'],
    ],
    log === undefined ? {} : { log },
  );
  return {
    console,
    async off() {
      await console.stop('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Seconds after which a boot counts as hung; software emulation on a loaded machine is slow. */
export const HUNG = 600;

/**
 * Boots such a machine and waits for what the system says of itself, or for what tells that there will be none.
 * @returns what it reported
 * @throws with the console's end
 */
export async function bootMedia(spec: MediaMachineSpec): Promise<Report> {
  const machine = await powerOnMedia(spec);
  try {
    const [ending] = await machine.console.until(/SLIPWAY-REPORT end|Kernel panic|the boot stops here|Shell>/, HUNG);
    const { output } = machine.console;
    if (!ending.endsWith('end')) throw new Error(`it does not boot:\n${output.slice(-3000)}`);
    return reportOf(output);
  } finally {
    await machine.off();
  }
}
