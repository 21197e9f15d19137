import type { BootEvent } from '../../model/event.ts';
import type { BootWithSteps } from '../../model/fleet/boot.ts';
import { durationsOf } from '../../model/fleet/durations.ts';
import type { BootNews } from './boot-news.ts';
import type { MetricName } from './metrics-table.ts';

/** What a metric rises by, is set to, or has observed: 1 without a value. */
export interface Sample {
  readonly metric: MetricName;
  readonly labels: Readonly<Record<string, string | undefined>>;
  readonly value: number;
}

type Labels = Sample['labels'];

export const sample = (metric: MetricName, labels: Labels = {}, value = 1): Sample => ({ metric, labels, value });

const text = (value: unknown): string | undefined => (value === undefined ? undefined : String(value));
const number = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

function tftp(result: string): (event: BootEvent) => readonly Sample[] {
  return ({ bytes, retransmits }) => [
    sample('slipway_tftp_transfers_total', { result }),
    sample('slipway_sent_bytes_total', { service: 'tftp' }, number(bytes)),
    sample('slipway_tftp_retransmitted_blocks_total', {}, number(retransmits)),
  ];
}

function download({ status, method, bytes, complete, path }: BootEvent): readonly Sample[] {
  const hasBody = method === 'GET' && (status === 200 || status === 206);
  const result = hasBody ? (complete ? 'complete' : 'broken') : status === 304 ? 'not-modified' : 'no-body';
  const service = String(path).startsWith('/v2/') ? 'registry' : 'http';
  return [
    sample('slipway_http_downloads_total', { result }),
    sample('slipway_sent_bytes_total', { service }, number(bytes)),
  ];
}

const refused = ({ status }: BootEvent) => [sample('slipway_http_refused_total', { status: text(status) })];
const answered = (reply: string) => (event: BootEvent) => [
  sample('slipway_dhcp_answered_total', { reply, client: text(event.client) }),
];

function reloaded(now: number): readonly Sample[] {
  return [
    sample('slipway_config_last_reload_successful'),
    sample('slipway_config_last_reload_success_timestamp_seconds', {}, now / 1000),
  ];
}

/** What each event of the services counts for. @param now milliseconds since 1970 */
const EVENTS: Readonly<Record<string, (event: BootEvent, now: number) => readonly Sample[]>> = {
  'dhcp.offer': answered('offer'),
  'dhcp.ack': answered('ack'),
  'dhcp.silent': ({ reason }) => [sample('slipway_dhcp_ignored_total', { reason: text(reason) })],
  'tftp.done': tftp('done'),
  'tftp.probe': tftp('probe'),
  'tftp.failed': tftp('failed'),
  'tftp.missing': tftp('missing'),
  'tftp.refused': tftp('refused'),
  'http.script': ({ status, kind }) => [
    sample('slipway_scripts_total', { result: status === 400 ? 'malformed' : text(kind) }),
  ],
  'http.download': download,
  'http.refused': refused,
  'containers.refused': refused,
  'configuration.refused': refused,
  'http.error': () => [sample('slipway_http_errors_total')],
  'http.worker': () => [sample('slipway_http_worker_deaths_total')],
  'nbd.open': () => [sample('slipway_nbd_opened_total')],
  'nbd.sent': ({ bytes }) => [sample('slipway_sent_bytes_total', { service: 'nbd' }, number(bytes))],
  'registry.asked': ({ kind, result }) => [
    sample('slipway_cache_requests_total', { kind: text(kind), result: text(result) }),
  ],
  'registry.failed': () => [sample('slipway_registry_failures_total')],
  'machine.unknown': () => [sample('slipway_unknown_machines_total')],
  ready: (_, now) => [...reloaded(now), sample('slipway_state_available')],
  'config.loaded': (_, now) => [sample('slipway_config_reloads_total', { result: 'loaded' }), ...reloaded(now)],
  'config.refused': () => [
    sample('slipway_config_reloads_total', { result: 'refused' }),
    sample('slipway_config_last_reload_successful', {}, 0),
  ],
  'state.away': () => [sample('slipway_state_available', {}, 0)],
  'state.back': () => [sample('slipway_state_available')],
};

/** What an event counts for. @param now milliseconds since 1970 */
export function samplesOf(event: BootEvent, now: number): readonly Sample[] {
  return [sample('slipway_log_events_total', { level: event.level }), ...(EVENTS[event.event]?.(event, now) ?? [])];
}

function upSamples(boot: BootWithSteps): readonly Sample[] {
  const seconds = (boot.last - boot.began) / 1000;
  const stages = [...durationsOf(boot)].map(([stage, ms]) => sample('slipway_stage_seconds', { stage }, ms / 1000));
  return [sample('slipway_boot_seconds', { image: boot.image }, seconds), ...stages];
}

/** What news of a boot count for. */
export function samplesOfNews({ kind, boot }: BootNews): readonly Sample[] {
  if (kind === 'began') return [sample('slipway_boots_begun_total')];
  const ended = sample('slipway_boots_total', { image: boot.image, result: kind });
  return kind === 'up' ? [ended, ...upSamples(boot)] : [ended];
}
