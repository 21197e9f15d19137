import type { BootStep } from '../../../src/model/fleet/boot.ts';
import type { BootChange } from '../../../src/model/fleet/boot-store.ts';
import type { ConfiguredNode } from '../../../src/model/fleet/next/configured.ts';
import type { MachineStatus } from '../../../src/model/fleet/status.ts';
import { type Phase, phaseOf } from './phases.ts';

/** A machine as it is shown. Never changed: another state is another object. */
export interface Machine {
  /** The node's name; the MAC address of a machine that no node names. */
  readonly name: string;
  /** Absent for a machine that no node names. */
  readonly node: ConfiguredNode | undefined;
  /** Its last boot; absent for one that never asked. */
  readonly boot: MachineStatus | undefined;
  readonly phase: Phase;
  /** All that a search finds it by, in lower case. */
  readonly text: string;
}

const numeric = new Intl.Collator('en', { numeric: true });

function textOf(name: string, node: ConfiguredNode | undefined, boot: MachineStatus | undefined, phase: Phase): string {
  const labels = Object.entries(node?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const addresses = [...new Set([...(node?.macs ?? []), ...(boot ? [boot.mac] : [])])];
  const about = [boot?.image ?? node?.image, boot?.version, boot?.stage, boot?.outcome, phase, boot?.message];
  const diagnosis = boot?.diagnosis && [boot.diagnosis.rule, boot.diagnosis.message];
  return [name, ...addresses, ...(node?.profiles ?? []), ...labels, ...about, ...(diagnosis ?? [])]
    .join('\n')
    .toLowerCase();
}

function machineOf(name: string, node: ConfiguredNode | undefined, given: MachineStatus | undefined): Machine {
  // It was adopted since: its next boot has the node.
  const boot = node && given?.diagnosis?.rule === 'unknown-machine' ? { ...given, diagnosis: undefined } : given;
  const phase = phaseOf(boot);
  return { name, node, boot, phase, text: textOf(name, node, boot, phase) };
}

/** The status of a machine after a change; what was diagnosed before counts no more once the boot has moved. */
function statusAfter(before: MachineStatus | undefined, { boot, step }: BootChange): MachineStatus {
  const isProgress = step.happening === 'progress' || step.happening === 'ignored';
  const diagnosis = isProgress && before?.id === boot.id ? before.diagnosis : undefined;
  return { ...boot, message: step.message, ...progressOf(boot, step), diagnosis };
}

function progressOf(boot: BootChange['boot'], { stage, bytes, length, seconds }: BootStep) {
  if (boot.outcome !== 'under-way' || stage !== boot.stage || bytes === undefined) return {};
  return { bytes, length, rate: seconds ? Math.round(bytes / seconds) : undefined };
}

/** All machines: loaded whole, and then moved on by changes. */
export class FleetState {
  private readonly machines = new Map<string, Machine>();
  /** The names of nodes by their addresses. */
  private readonly byMac = new Map<string, string>();
  /** Names in their order; undefined where there are others than before. */
  private order: readonly string[] | undefined;
  private listed: readonly Machine[] | undefined;

  /** Replaces everything. */
  load(nodes: readonly ConfiguredNode[], statuses: readonly MachineStatus[]): void {
    this.machines.clear();
    this.byMac.clear();
    for (const node of nodes) {
      this.machines.set(node.name, machineOf(node.name, node, undefined));
      for (const mac of node.macs) this.byMac.set(mac, node.name);
    }
    for (const boot of statuses) this.put(boot);
    this.order = undefined;
    this.listed = undefined;
  }

  /** Takes over the nodes of another configuration; boots stay. */
  configure(nodes: readonly ConfiguredNode[]): void {
    const boots = [...this.machines.values()].flatMap(({ boot }) => boot ?? []);
    this.load(nodes, boots);
  }

  /** Moves one machine on. A change that is older than what is known is left out: it may come twice. */
  apply(change: BootChange): void {
    const { boot } = change;
    const known = this.machines.get(this.nameOf(boot))?.boot;
    if (known && (known.id === boot.id ? known.last > boot.last : known.began > boot.began)) return;
    this.put(statusAfter(known, change));
  }

  /** Takes over which machines are stuck, and why. */
  diagnose(stuck: readonly MachineStatus[]): void {
    const reasons = new Map(stuck.map((boot) => [boot.id, boot]));
    for (const { boot } of [...this.machines.values()]) {
      if (!boot) continue;
      const { last = boot.last, diagnosis } = reasons.get(boot.id) ?? {};
      const isSame = diagnosis?.rule === boot.diagnosis?.rule && diagnosis?.message === boot.diagnosis?.message;
      // It has moved since.
      if (!isSame && last >= boot.last) this.put({ ...boot, diagnosis });
    }
  }

  /** A machine by the name that it is shown by. */
  get(name: string): Machine | undefined {
    return this.machines.get(name);
  }

  /**
   * All of them, by name: digits count as numbers, machines without a node come last. The same array while nothing
   * changes.
   */
  all(): readonly Machine[] {
    this.order ??= [...this.machines.values()]
      .sort((a, b) => Number(isStranger(a)) - Number(isStranger(b)) || numeric.compare(a.name, b.name))
      .map(({ name }) => name);
    this.listed ??= this.order.flatMap((name) => this.machines.get(name) ?? []);
    return this.listed;
  }

  /** A boot that began before its machine was adopted is one of the node too. */
  private nameOf({ node, mac }: Pick<MachineStatus, 'node' | 'mac'>): string {
    return node ?? this.byMac.get(mac) ?? mac;
  }

  private put(boot: MachineStatus): void {
    // A machine that was adopted has another name now.
    if (boot.node !== undefined && this.machines.delete(boot.mac)) this.order = undefined;
    const name = this.nameOf(boot);
    const before = this.machines.get(name);
    if (!before) this.order = undefined;
    this.machines.set(name, machineOf(name, before?.node, boot));
    this.listed = undefined;
  }
}

/** Whether no node names it. */
export const isStranger = ({ node, boot }: Machine): boolean => !node && boot?.node === undefined;
