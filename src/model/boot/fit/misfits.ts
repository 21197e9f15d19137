import { kexecImage, mergeContainers } from '../../containers/section.ts';
import { runsKernel } from '../../machine/architecture.ts';
import { type BootSettings, pathOfSetting } from '../../settings/node.ts';
import { bootFileName } from '../boot-file.ts';
import type { Image } from '../image.ts';
import { rootMethodOf } from '../root-methods/methods.ts';
import type { ImageFacts, MachineReport } from './facts.ts';
import { formatMemory, likelyMemory } from './memory.ts';

/** Two things that cannot boot together. */
export interface Misfit {
  /** The setting at fault: `['nodes', 'n001', 'memory']`. */
  readonly path: readonly (string | number)[];
  /** What does not fit, and the remedy. */
  readonly message: string;
}

/** A machine as the rules see it. */
export interface Candidate {
  /** The node's name; undefined for machines that no node names. */
  readonly node: string | undefined;
  readonly settings: BootSettings;
}

const pathOfNode = (node: string | undefined): Misfit['path'] => (node === undefined ? ['unknown'] : ['nodes', node]);

/** The dracut modules that the image's root needs and its initrds lack. */
export function imageMisfits({ name, root }: Image, { modules }: ImageFacts): readonly Misfit[] {
  if (modules === undefined) return [];
  const needed = rootMethodOf(root.method).modules(root as never);
  const missing = needed.filter((module) => module !== false && !modules.includes(module));
  if (missing.length === 0) return [];
  const message = `the initrd has no module for root method ${root.method} (${missing.join(', ')}): build it with dracut --add slipway`;
  return [{ path: ['images', name, 'initrd'], message }];
}

/** Containers that end with another image, by an initrd that cannot start one. */
function kexecMisfit({ containers = [], image }: BootSettings, { modules }: ImageFacts): readonly Misfit[] {
  const next = kexecImage(mergeContainers(containers).end);
  if (!image || next === undefined || modules === undefined || modules.includes('bootc-live-kexec')) return [];
  const message = `the initrd has no kexec, so containers cannot end with image ${next}: build it where kexec-tools is installed`;
  return [{ path: ['images', image.value.name, 'initrd'], message }];
}

function architectureMisfit({ arch, image }: BootSettings, { architecture }: ImageFacts): readonly Misfit[] {
  if (!arch || !image || architecture === undefined || runsKernel(arch.value, architecture)) return [];
  const message = `the kernel of image ${image.value.name} is for ${architecture}, and this is ${arch.value}: choose another image, or correct arch:`;
  return [{ path: pathOfSetting(arch.from), message }];
}

function firmwareMisfits({ firmware, image }: BootSettings, facts: ImageFacts): readonly Misfit[] {
  if (!firmware || !image) return [];
  const { architecture, unified } = facts;
  const { name } = image.value;
  const path = pathOfSetting(firmware.from);
  if (architecture === 'x86_64' || architecture === 'i386') {
    return [{ path, message: `a Raspberry Pi cannot boot image ${name}, whose kernel is for ${architecture}` }];
  }
  if (!unified) return [];
  const message = `image ${name} has a unified kernel image, which needs UEFI: give kernel and initrd as files of their own`;
  return [{ path, message }];
}

/** Methods that take less memory than a method, in words. */
function remedyFor(method: string): string {
  if (method === 'lazy') return 'give it more memory';
  return method === 'image' || method === 'live'
    ? 'choose root method lazy, a smaller image, or more memory'
    : 'choose root method image or lazy with a squashfs of it, a smaller image, or more memory';
}

function memoryMisfit(
  { node, settings: { memory: configured, image } }: Candidate,
  { root, initrd = 0 }: ImageFacts,
  { memory: reported }: MachineReport,
): readonly Misfit[] {
  const memory = configured?.value ?? reported;
  if (memory === undefined || !image || !root) return [];
  const { name, root: settings } = image.value;
  const needed = likelyMemory(settings, root, initrd);
  if (memory >= needed) return [];
  const told = configured ? '' : ', as it last said itself,';
  const message = `${formatMemory(memory)} of memory${told} is too little for image ${name}, which needs about ${formatMemory(needed)} by root method ${settings.method}: ${remedyFor(settings.method)}`;
  return [{ path: configured ? pathOfSetting(configured.from) : pathOfNode(node), message }];
}

/**
 * What a machine and the image that it boots have against each other.
 * @param facts of that image
 */
export function machineMisfits(candidate: Candidate, facts: ImageFacts, machine: MachineReport): readonly Misfit[] {
  const { settings } = candidate;
  if (settings.action.value !== 'boot' || !settings.image) return [];
  return [
    ...architectureMisfit(settings, facts),
    ...firmwareMisfits(settings, facts),
    ...memoryMisfit(candidate, facts, machine),
    ...kexecMisfit(settings, facts),
  ];
}

/**
 * The iPXE binary that machines of the named architecture lack. A PC may have BIOS or UEFI: only where both are missing
 * is it sure that nothing fits.
 * @param has whether there is a binary of a name
 */
export function bootFileMisfit({ arch, ipxe }: BootSettings, has: (name: string) => boolean): readonly Misfit[] {
  if (!arch) return [];
  const efi = bootFileName(arch.value === 'arm64' ? 'efi-arm64' : 'efi-x64', ipxe.value);
  const names = arch.value === 'arm64' ? [efi] : [efi, bootFileName('bios', ipxe.value)];
  if (names.some(has)) return [];
  const message = `there is no iPXE for ${arch.value} (${names.join(', ')}): name a folder that has it with server.ipxe`;
  return [{ path: pathOfSetting(arch.from), message }];
}
