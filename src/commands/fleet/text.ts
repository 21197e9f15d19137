import { escapeUnsafe } from '../../daemon/log/format.ts';
import { formatBytes } from '../../images/tools/progress.ts';
import type { Boot, BootStep, BootWithSteps } from '../../model/fleet/boot.ts';
import { durationsOf, medianDurations } from '../../model/fleet/durations.ts';
import type { Order } from '../../model/fleet/next/next-boot.ts';
import type { ExplainedBoot, MachineStatus, RolloutStatus, Stranger } from '../../model/fleet/status.ts';
import { formatTable } from '../table.ts';

/** `42 s`, `3 min`, `5 h`, `2 d`: a span of milliseconds. */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

function progress({ bytes, length }: MachineStatus): string {
  if (bytes === undefined) return '-';
  return length ? `${Math.floor((bytes * 100) / length)} %` : formatBytes(bytes);
}

const OUTCOMES: Readonly<Record<Boot['outcome'], string>> = {
  'under-way': 'under way',
  up: 'up',
  failed: 'failed',
  unfinished: 'unfinished',
};

function stageOf({ stage, outcome }: Boot): string {
  if (outcome === 'up') return 'up';
  return outcome === 'under-way' ? stage : `${stage} (${OUTCOMES[outcome]})`;
}

/** The machines as a table: node, image, stage, progress, since, rate, diagnosis. */
export function formatStatus(machines: readonly MachineStatus[], now: number): string {
  if (machines.length === 0) return 'no machine has asked for anything yet\n';
  const rows = machines.map((machine) => [
    machine.node ?? machine.mac,
    machine.image ?? '-',
    stageOf(machine),
    progress(machine),
    formatSpan(now - machine.last),
    machine.rate === undefined ? '-' : `${formatBytes(machine.rate)}/s`,
    escapeUnsafe(machine.diagnosis ? `${machine.diagnosis.message}: ${machine.diagnosis.remedy}` : ''),
  ]);
  return formatTable([['NODE', 'IMAGE', 'STAGE', 'PROGRESS', 'SINCE', 'RATE', 'DIAGNOSIS'], ...rows]);
}

/** Boots of one machine as a table. */
export function formatBoots(boots: readonly Boot[]): string {
  if (boots.length === 0) return 'no boots are known\n';
  const rows = boots.map(({ id, began, last, image, stage, outcome }) => [
    id,
    new Date(began).toISOString().slice(0, 19).replace('T', ' '),
    image ?? '-',
    OUTCOMES[outcome],
    stage,
    formatSpan(last - began),
  ]);
  return formatTable([['BOOT', 'BEGAN (UTC)', 'IMAGE', 'OUTCOME', 'LAST STAGE', 'TOOK'], ...rows]);
}

/** The stages of a boot with their durations, the slowest marked, beside the medians of other boots with its image. */
export function formatDurations(boot: BootWithSteps, others: readonly BootWithSteps[]): string {
  const durations = [...durationsOf(boot)];
  const medians = medianDurations(others);
  const slowest = Math.max(...durations.map(([, ms]) => ms));
  const seconds = (ms: number | undefined) => (ms === undefined ? '-' : `${(ms / 1000).toFixed(1)} s`);
  const rows = durations.map(([stage, ms]) => [
    stage,
    seconds(ms),
    seconds(medians.get(stage)),
    ms === slowest && ms > 0 ? 'slowest' : '',
  ]);
  return formatTable([['STAGE', 'TOOK', `MEDIAN OF ${others.length}`, ''], ...rows]);
}

/** A step without its time: the stage and the sentence. Ends with a newline. */
export function stepText({ stage, happening, message }: BootStep): string {
  return `${stage.padEnd(13)}  ${happening === 'failed' ? 'FAILED: ' : ''}${escapeUnsafe(message)}\n`;
}

/** One step as a line, with the seconds since the boot began, and the log of a failure below it. */
function formatStep(step: BootStep, began: number): string {
  const line = `${((step.at - began) / 1000).toFixed(1).padStart(7)} s  ${stepText(step)}`;
  const lines = (step.log ?? '').split('\n').filter((text) => text !== '');
  return line + lines.map((text) => `${' '.repeat(26)}| ${escapeUnsafe(text)}\n`).join('');
}

/** A boot with its steps. */
export function formatBoot(boot: ExplainedBoot): string {
  const { id, mac, node, image, began, outcome, steps, diagnosis } = boot;
  const head = `${node ?? mac} (${mac}), boot ${id}, ${new Date(began).toISOString()}, ${image ?? 'no image yet'}, ${OUTCOMES[outcome]}\n`;
  const why = diagnosis ? `\n${escapeUnsafe(diagnosis.message)}\n${escapeUnsafe(diagnosis.remedy)}\n` : '';
  return head + steps.map((step) => formatStep(step, began)).join('') + why;
}

/** Orders as a table. */
export function formatOrders(orders: readonly Order[], now: number): string {
  if (orders.length === 0) return 'there are no orders\n';
  const rows = orders.map(({ machine, image, repeat, by, at }) => [machine, image, repeat, by, formatSpan(now - at)]);
  return formatTable([['MACHINE', 'BOOTS', 'REPEAT', 'BY', 'SINCE'], ...rows]);
}

/** Machines that no node names, as a table. */
export function formatStrangers(machines: readonly Stranger[], now: number): string {
  if (machines.length === 0) return 'no unknown machine has asked\n';
  const rows = machines.map(({ mac, last, facts: { mac: _, ...facts } }) => {
    const told = Object.entries(facts).map(([name, value]) => `${name}=${escapeUnsafe(value ?? '')}`);
    return [mac, formatSpan(now - last), told.join(', ')];
  });
  return formatTable([['MAC', 'SEEN', 'WHAT IT HAS TOLD'], ...rows]);
}

/** New versions of images as a table. */
export function formatRollouts(rollouts: readonly RolloutStatus[]): string {
  if (rollouts.length === 0) return 'no image has rollout: or keep_last_good:, or none of them was booted yet\n';
  const rows = rollouts.map(({ image, version, before, phase, why }) => [
    image,
    version,
    before ?? '-',
    phase,
    why ?? '',
  ]);
  return formatTable([['IMAGE', 'NEWEST', 'BEFORE', 'GOES TO', ''], ...rows]);
}
