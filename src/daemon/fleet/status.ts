import type { Boot, BootWithSteps } from '../../model/fleet/boot.ts';
import type { Diagnosis, MachineStatus } from '../../model/fleet/status.ts';

/** The last boot of each node: it may have booted by another card before. */
export function lastOfEach(machines: readonly MachineStatus[]): MachineStatus[] {
  const last = new Map<string, MachineStatus>();
  for (const machine of machines) {
    const key = machine.node ?? machine.mac;
    if ((last.get(key)?.began ?? 0) <= machine.began) last.set(key, machine);
  }
  return [...last.values()];
}

/** Sorts machines by the names of their nodes, and those without one behind them by address. */
export function byName(a: Boot, b: Boot): number {
  const [first, second] = [a.node ?? `~${a.mac}`, b.node ?? `~${b.mac}`];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** What a machine is doing. */
export function statusOf({ steps, ...boot }: BootWithSteps & { readonly diagnosis?: Diagnosis }): MachineStatus {
  const last = steps.at(-1);
  const download = boot.outcome === 'under-way' ? steps.findLast(({ bytes }) => bytes !== undefined) : undefined;
  const { bytes, length, seconds } = download?.stage === boot.stage ? download : {};
  const rate = bytes !== undefined && seconds ? Math.round(bytes / seconds) : undefined;
  return { ...boot, message: last?.message ?? '', bytes, length, rate };
}
