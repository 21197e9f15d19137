import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Network } from './network.ts';
import type { Running } from './process.ts';

/** What firmware a virtual machine has and how it is set to boot. */
export type MachineFirmware = 'bios' | 'uefi' | 'uefi-http';

/** What QEMU starts instead of a firmware, which saves the firmware's time. */
export interface DirectKernel {
  readonly kernel: string;
  readonly initrd: string;
  /** The kernel line. */
  readonly append: string;
}

/** A virtual machine to be switched on. */
export interface MachineSpec {
  readonly firmware: MachineFirmware | DirectKernel;
  readonly mac: string;
  /** MiB. */
  readonly memory: number;
  /** What SMBIOS tells of it: `type=1,serial=S1`. */
  readonly smbios?: string;
  /** A disk image that it has as /dev/vda, read-only. */
  readonly disk?: string;
  /** Disk images that it may write to, from /dev/vda on. */
  readonly disks?: readonly string[];
  /** A copy of the console goes to this file. */
  readonly log?: string;
}

/** cmpxchg16b is wrong in QEMU 7.2's software emulation and corrupts Linux 6.12's memory allocator. */
export const CPU = ['-accel', 'tcg,thread=multi', '-cpu', 'max,cx16=off', '-smp', '2'];

export const OVMF = '/usr/share/OVMF';

function firmwareArgs(firmware: MachineSpec['firmware'], vars: string): readonly string[] {
  if (typeof firmware === 'object') {
    const { kernel, initrd, append } = firmware;
    return ['-machine', 'q35,graphics=off', '-kernel', kernel, '-initrd', initrd, '-append', append];
  }
  if (firmware === 'bios') return ['-machine', 'q35,graphics=off', '-boot', 'n'];
  return [
    ...['-machine', 'q35'],
    ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${OVMF}/OVMF_CODE_4M.fd`],
    ...['-drive', `if=pflash,format=raw,unit=1,file=${vars}`],
    ...(firmware === 'uefi-http'
      ? ['-fw_cfg', 'name=opt/org.tianocore/IPv4PXESupport,string=n']
      : ['-fw_cfg', 'name=opt/org.tianocore/HttpBootSupport,string=n']),
    ...['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n'],
    ...['-fw_cfg', 'name=opt/org.tianocore/IPv6Support,string=n'],
  ];
}

/** A virtual machine that is switched on; its console is the process's output. */
export interface Machine {
  readonly console: Running;
  /** Pulls the plug. */
  off(): Promise<void>;
}

/** One that has its only NIC on a network. */
export interface NetworkMachine extends Machine {
  /** Pulls the network cable, or puts it back. */
  link(state: 'up' | 'down'): Promise<void>;
}

let taps = 0;

/** Switches a virtual machine on, with its only NIC on the network's switch. */
export async function powerOn(network: Network, spec: MachineSpec): Promise<NetworkMachine> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-vm-'));
  const vars = join(folder, 'vars.fd');
  const uefi = spec.firmware === 'uefi' || spec.firmware === 'uefi-http';
  if (uefi) await copyFile(`${OVMF}/OVMF_VARS_4M.fd`, vars);
  const tap = `tap${++taps}`;
  await network.addTap(tap);
  // UEFI has a network stack of its own; on a BIOS machine the NIC's option ROM (iPXE) is what boots.
  const nic = `virtio-net-pci,netdev=n0,mac=${spec.mac}${uefi ? ',bootindex=0,romfile=' : ''}`;
  const console = network.start(
    'switch',
    'qemu-system-x86_64',
    [
      ...CPU,
      ...firmwareArgs(spec.firmware, vars),
      ...['-m', String(spec.memory), '-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot'],
      ...['-netdev', `tap,id=n0,ifname=${tap},script=no,downscript=no`],
      ...['-object', 'rng-random,id=r0,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=r0'],
      ...['-device', nic],
      ...(spec.smbios === undefined ? [] : ['-smbios', spec.smbios]),
      ...(spec.disk === undefined ? [] : ['-drive', `file=${spec.disk},format=raw,if=virtio,readonly=on`]),
      ...(spec.disks ?? []).flatMap((file) => ['-drive', `file=${file},format=raw,if=virtio`]),
    ],
    { keyboard: true, ...(spec.log !== undefined && { log: spec.log }) },
  );
  return {
    console,
    async link(state) {
      await network.must('switch', 'ip', ['link', 'set', tap, state]);
    },
    async off() {
      await console.stop('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
