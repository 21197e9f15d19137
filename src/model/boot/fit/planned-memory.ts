import type { Match } from '../../settings/config.ts';
import type { Image } from '../image.ts';
import { certainMemory, leastRootMemory } from './memory.ts';

const MIB = 1024 * 1024;
/** A root that takes less than this is not compared with a machine's memory: no machine is that small. MiB. */
const WORTH_ASKING = 64;

/** The memory below which a boot cannot succeed, MiB; null where that is not known, or not worth a comparison. */
export interface PlannedMemory {
  /** Of the root alone: what must be free when it is made. */
  readonly root: number | null;
  /** Of the machine; null too where the configuration says that it has as much. */
  readonly machine: number | null;
}

const UNKNOWN: PlannedMemory = { root: null, machine: null };

/** Whether an image's root is a file of its build, or made of it. */
function isOfBuild({ build, root: { source } }: Image): boolean {
  if (!build || !source || source.kind === 'url') return false;
  return source.kind === 'image' ? source.name === build.name : source.path.startsWith(`${build.name}/`);
}

/**
 * The memory that a boot needs for certain.
 * @param size of the root's file, bytes; undefined where there is none or where it is not known
 * @param initrd bytes of the initrds
 * @param unpacked bytes of the tree in the image's build, if it is one
 */
export function plannedMemory(
  { settings: { image, memory } }: Match,
  size: number | undefined,
  initrd: number,
  unpacked: number | undefined,
): PlannedMemory {
  if (!image || size === undefined) return UNKNOWN;
  const known = isOfBuild(image.value) ? unpacked : undefined;
  const least = leastRootMemory(image.value.root, { bytes: size, unpacked: known });
  const root = Math.floor(least / MIB);
  if (root < WORTH_ASKING) return UNKNOWN;
  const machine = certainMemory(least, initrd);
  return { root, machine: memory && memory.value >= machine ? null : Math.ceil(machine / MIB) };
}
