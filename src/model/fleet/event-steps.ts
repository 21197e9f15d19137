import type { BootEvent } from '../event.ts';
import { type BootStep, type Happening, STAGES, type Stage } from './boot.ts';

/** A step before its time is known, and what else the event tells of the boot. */
export interface StepDraft extends Omit<BootStep, 'at'> {
  readonly node?: string | undefined;
  readonly image?: string | undefined;
  readonly version?: string | undefined;
}

/** What a downloaded file is to the machine. */
export type FileRole = 'kernel' | 'initrd' | 'root' | 'boot-file';

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

function step(event: BootEvent, stage: Stage, happening: Happening, more: Partial<StepDraft> = {}): StepDraft {
  const { message, reason, bytes, length, seconds, uptime } = event;
  const figures = { bytes: number(bytes), length: number(length), seconds: number(seconds), uptime: number(uptime) };
  return { stage, happening, message, reason: text(reason), ...figures, ...more };
}

/** The answer to iPXE's request for its script. */
function script(event: BootEvent): StepDraft {
  const about = { node: text(event.node), image: text(event.image), version: text(event.version) };
  if (event.reason === undefined) return step(event, 'script', 'done', about);
  if (event.reason === 'menu') return step(event, 'script', 'begun', { node: about.node });
  return step(event, 'script', event.reason === 'ignored' ? 'ignored' : 'failed', about);
}

function download(event: BootEvent, role: FileRole | undefined): StepDraft | undefined {
  if (role === undefined || event.method !== 'GET' || number(event.bytes) === undefined || event.status === 304) return;
  return event.complete === true
    ? step(event, role, 'done')
    : step(event, role, 'failed', { reason: 'broke-off', message: `${role}: ${event.message}` });
}

/** The report of a machine itself; anything that is no stage is not one. */
function report(event: BootEvent): StepDraft | undefined {
  const stage = STAGES.find((each) => each === event.stage);
  const happening = (['begun', 'progress', 'done', 'failed'] as const).find((each) => each === event.happening);
  return stage && happening && step(event, stage, happening, { log: text(event.log) });
}

/** What became of a step of a pipeline, or of the whole. */
function pipeline(event: BootEvent): StepDraft | undefined {
  const happening = (['begun', 'done', 'failed'] as const).find((each) => each === event.happening);
  return happening && step(event, 'pipeline', happening, { step: text(event.step), status: number(event.status) });
}

const portStage = (event: BootEvent): Stage => (event.port === 4011 ? 'boot-server' : 'dhcp');

/** The step that each event of the services is, by the event's name. Other events are none. */
export const EVENT_STEPS: Readonly<Record<string, (event: BootEvent, role?: FileRole) => StepDraft | undefined>> = {
  // The reason is the kind of client: pxe, http, ipxe or raspberry-pi.
  'dhcp.offer': (event) => step(event, 'dhcp', 'done', { reason: text(event.client) }),
  'dhcp.ack': (event) => step(event, 'boot-server', 'done', { reason: text(event.client) }),
  'dhcp.silent': (event) => step(event, portStage(event), 'ignored'),
  'tftp.request': (event) => step(event, 'boot-file', 'begun'),
  'tftp.done': (event) => step(event, 'boot-file', 'done'),
  'tftp.failed': (event) => step(event, 'boot-file', 'failed'),
  'tftp.missing': (event) => step(event, 'boot-file', 'failed', { reason: 'missing' }),
  'tftp.refused': (event) => step(event, 'boot-file', 'failed', { reason: 'refused' }),
  'boot.asked': (event) => step(event, 'script', 'begun'),
  'boot.script': script,
  'boot.memory': (event) => (event.reason === undefined ? undefined : step(event, 'script', 'failed')),
  // These only tell which address a machine has.
  'dhcp.lease': () => undefined,
  'http.script': () => undefined,
  'http.download': download,
  'http.refused': (event, role) => step(event, role ?? 'root', 'failed', { reason: `http-${event.status}` }),
  'nbd.open': (event) => step(event, 'root', 'done'),
  'boot.claimed': (event) => step(event, 'script', 'ignored', { reason: 'claimed' }),
  'configuration.sent': (event) => step(event, 'configuration', 'done'),
  'configuration.failed': (event) => step(event, 'configuration', 'failed', { reason: 'unavailable' }),
  'boot.report': report,
  'containers.step': pipeline,
};
