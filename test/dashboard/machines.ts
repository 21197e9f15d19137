import type { ConfiguredNode } from '../../src/model/fleet/next/configured.ts';
import type { MachineStatus, NumberedChange } from '../../src/model/fleet/status.ts';
import type { Mac } from '../../src/model/machine/mac.ts';

/** A node of the configuration. */
export function aNode(name: string, more: Partial<ConfiguredNode> = {}): ConfiguredNode {
  const mac = `52:54:00:00:00:${name.slice(-2)}` as Mac;
  return { name, macs: [mac], labels: {}, profiles: [], action: 'boot', image: 'debian', ...more };
}

/** The status of a machine whose node has a name. */
export function aStatus(node: string, more: Partial<MachineStatus> = {}): MachineStatus {
  const mac = `52:54:00:00:00:${node.slice(-2)}` as Mac;
  const about = { id: node.padStart(16, '0'), mac, node, image: 'debian', version: undefined };
  return { ...about, began: 1000, last: 2000, stage: 'root', outcome: 'under-way', message: 'root', ...more };
}

/** A change of a machine, of the status that it has then. */
export function aChange(
  { message, bytes, length, rate, diagnosis, ...boot }: MachineStatus,
  step: Partial<NumberedChange['step']> = {},
): NumberedChange {
  const { last: at, stage } = boot;
  return { number: 1, boot, step: { at, stage, happening: 'done', message: message ?? stage, ...step } };
}
