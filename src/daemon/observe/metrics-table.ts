import { STAGES } from '../../model/fleet/boot.ts';
import { RULES } from '../../model/fleet/diagnosis/diagnosis-rules.ts';

/** The values of a label: these, or names of the configuration. Anything else is counted as `other`. */
export type LabelValues = readonly string[] | 'image' | 'node' | 'webhook' | 'version';

/** A metric. Its `rises` by events; without that it is taken when it is read. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Of a histogram: the upper bounds, seconds. */
  readonly buckets?: readonly number[];
  /** Of a gauge: whether it is taken anew, whole, when it is read. */
  readonly taken?: true;
}

/** The reasons for which the DHCP service gives no answer. */
export const DHCP_REASONS = [
  ...['too-short', 'no-cookie', 'malformed', 'not-a-request', 'hardware', 'address', 'message-type', 'vendor-class'],
  ...[
    'architecture',
    'other-server',
    'bis',
    'too-often',
    'ignored',
    'tftp-off',
    'http-off',
    'no-boot-file',
    'too-long',
  ],
] as const;
const STATUSES = ['400', '401', '403', '404', '405', '408', '410', '412', '413', '414', '416', '429', '431'] as const;
const RULE_NAMES = RULES.map(({ name }) => name);

/** All metrics of Slipway itself, by their names. */
export const METRICS = {
  slipway_boots_begun_total: { type: 'counter', help: 'Boots that began.', labels: {} },
  slipway_boots_total: {
    type: 'counter',
    help: 'Boots that came to an end. One that failed and came up all the same counts as both.',
    labels: { image: 'image', result: ['up', 'failed', 'unfinished'] },
  },
  slipway_boot_seconds: {
    type: 'histogram',
    help: 'From the first request of a machine until its system is up.',
    labels: { image: 'image' },
    buckets: [10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600],
  },
  slipway_stage_seconds: {
    type: 'histogram',
    help: 'Each stage of the boots that came up, as "slipway boots" has it.',
    labels: { stage: STAGES },
    buckets: [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600],
  },
  slipway_machines: {
    type: 'gauge',
    help: 'Machines by what their last boot is.',
    labels: { outcome: ['under-way', 'up', 'failed', 'unfinished'] },
    taken: true,
  },
  slipway_machines_stuck: {
    type: 'gauge',
    help: 'Machines whose boot is stuck, by the rule of the diagnosis.',
    labels: { rule: RULE_NAMES },
    taken: true,
  },
  slipway_nodes: { type: 'gauge', help: 'Nodes of the configuration.', labels: {}, taken: true },
  slipway_unknown_machines_total: {
    type: 'counter',
    help: 'Machines that no node names, the first time that they are seen.',
    labels: {},
  },
  slipway_node_up: {
    type: 'gauge',
    help: 'Whether the last boot of a node came up. Only with "metrics: { nodes: true }".',
    labels: { node: 'node', image: 'image' },
    taken: true,
  },
  slipway_node_boot_timestamp_seconds: {
    type: 'gauge',
    help: 'When the last boot of a node began. Only with "metrics: { nodes: true }".',
    labels: { node: 'node' },
    taken: true,
  },
  slipway_dhcp_answered_total: {
    type: 'counter',
    help: 'Answered DHCP requests, by the kind of client.',
    labels: { reply: ['offer', 'ack'], client: ['pxe', 'http', 'ipxe', 'raspberry-pi'] },
  },
  slipway_dhcp_ignored_total: {
    type: 'counter',
    help: 'DHCP packets that got no answer on purpose.',
    labels: { reason: DHCP_REASONS },
  },
  slipway_tftp_transfers_total: {
    type: 'counter',
    help: 'TFTP requests. "probe" asked for a size only.',
    labels: { result: ['done', 'probe', 'failed', 'missing', 'refused'] },
  },
  slipway_tftp_retransmitted_blocks_total: {
    type: 'counter',
    help: 'TFTP blocks that were sent again.',
    labels: {},
  },
  slipway_scripts_total: {
    type: 'counter',
    help: 'Answers to requests for an iPXE script.',
    labels: { result: ['script', 'menu', 'question', 'ignored', 'unavailable', 'malformed'] },
  },
  slipway_http_downloads_total: {
    type: 'counter',
    help: 'Files asked for by HTTP. "not-modified" was in a cache of the client or of a proxy.',
    labels: { result: ['complete', 'broken', 'not-modified', 'no-body'] },
  },
  slipway_http_refused_total: {
    type: 'counter',
    help: 'HTTP requests that were refused, by their status.',
    labels: { status: STATUSES },
  },
  slipway_http_errors_total: { type: 'counter', help: 'HTTP requests at which the server failed.', labels: {} },
  slipway_sent_bytes_total: {
    type: 'counter',
    help: 'Bytes of files, when a transfer has ended; of NBD, every ten seconds.',
    labels: { service: ['http', 'registry', 'tftp', 'nbd'] },
  },
  slipway_nbd_opened_total: { type: 'counter', help: 'Images that were opened by NBD.', labels: {} },
  slipway_cache_requests_total: {
    type: 'counter',
    help: 'What was asked for of images of other registries. "arriving" joined a fetch that was under way.',
    labels: { kind: ['blob', 'manifest'], result: ['hit', 'arriving', 'miss'] },
  },
  slipway_registry_failures_total: {
    type: 'counter',
    help: 'Fetches from other registries that failed.',
    labels: {},
  },
  slipway_http_workers: {
    type: 'gauge',
    help: 'HTTP worker processes; 0: the daemon answers.',
    labels: {},
    taken: true,
  },
  slipway_http_worker_deaths_total: {
    type: 'counter',
    help: 'HTTP workers that ended, and were replaced.',
    labels: {},
  },
  slipway_image_version_info: {
    type: 'gauge',
    help: 'The version in force of each image with a root: the first 12 hex digits of its digest.',
    labels: { image: 'image', version: 'version' },
    taken: true,
  },
  slipway_config_reloads_total: {
    type: 'counter',
    help: 'Changes of the configuration.',
    labels: { result: ['loaded', 'refused'] },
  },
  slipway_config_last_reload_successful: {
    type: 'gauge',
    help: 'Whether the last change of the configuration is in force.',
    labels: {},
  },
  slipway_config_last_reload_success_timestamp_seconds: {
    type: 'gauge',
    help: 'When the configuration in force was loaded.',
    labels: {},
  },
  slipway_state_available: {
    type: 'gauge',
    help: 'Whether the steps of boots can be kept; 1 too where none are to be.',
    labels: {},
  },
  slipway_log_events_total: {
    type: 'counter',
    help: 'Events of the log.',
    labels: { level: ['debug', 'info', 'warn', 'error'] },
  },
  slipway_webhook_requests_total: {
    type: 'counter',
    help: 'Events for webhooks: taken by the receiver, tried and to be tried again, given up.',
    labels: { webhook: 'webhook', result: ['sent', 'retried', 'dropped'] },
  },
  slipway_webhook_waiting: {
    type: 'gauge',
    help: 'Events that wait for a webhook.',
    labels: { webhook: 'webhook' },
    taken: true,
  },
  slipway_traces_total: {
    type: 'counter',
    help: 'Boots as traces: taken by the receiver, or given up.',
    labels: { result: ['sent', 'dropped'] },
  },
  slipway_build_info: { type: 'gauge', help: 'The version of Slipway.', labels: { version: 'version' } },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;
