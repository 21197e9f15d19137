import type { Machine } from './fleet-state.ts';
import { bytesText } from './text.ts';

/** How far the download of a machine is, 0 to 1; undefined where none is under way. */
export function progressOf({ boot }: Machine): number | undefined {
  if (boot?.outcome !== 'under-way' || boot.bytes === undefined || !boot.length) return undefined;
  const share = boot.bytes / boot.length;
  return share < 1 ? share : undefined;
}

/** What a machine is doing, in a few words: `root 43 %`. */
export function stateText(machine: Machine): string {
  const { boot } = machine;
  if (!boot) return 'never asked';
  if (boot.outcome === 'up')
    return `${boot.stage === 'pipeline' ? 'containers' : 'up'}${boot.diagnosis ? ', with trouble' : ''}`;
  if (boot.outcome !== 'under-way') return `${boot.outcome} at ${boot.stage}`;
  const progress = progressOf(machine);
  if (progress !== undefined) return `${boot.stage} ${Math.floor(progress * 100)} %`;
  return boot.bytes === undefined || boot.length !== undefined ? boot.stage : `${boot.stage} ${bytesText(boot.bytes)}`;
}

/** The image that a machine runs; of one that never asked, the one of its settings. */
export const imageOf = ({ boot, node }: Machine): string | undefined => boot?.image ?? node?.image;

/** All of it in one line, for those who do not see the picture. */
export const labelOf = (machine: Machine): string =>
  [machine.name, stateText(machine), imageOf(machine), machine.boot?.diagnosis?.message].filter(Boolean).join(', ');
