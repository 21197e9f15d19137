import { createHash } from 'node:crypto';
import type { BootStep, BootWithSteps, Stage } from '../../model/fleet/boot.ts';
import { durationsOf } from '../../model/fleet/durations.ts';

/** A value of an attribute (OTLP 1, `AnyValue`); whole numbers are text in JSON. */
type Value = { readonly stringValue: string } | { readonly intValue: string } | { readonly doubleValue: number };

interface Attribute {
  readonly key: string;
  readonly value: Value;
}

/** A span (OTLP 1, `Span`): times are nanoseconds since 1970, as text. */
export interface Span {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly events?: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
    readonly attributes: readonly Attribute[];
  }[];
  readonly status: { readonly code: number; readonly message?: string };
}

/** `SPAN_KIND_INTERNAL` and `SPAN_KIND_SERVER`; `STATUS_CODE_OK` and `STATUS_CODE_ERROR`. */
const INTERNAL = 1;
const SERVER = 2;
const OK = 1;
const ERROR = 2;

const nanos = (ms: number): string => `${Math.round(ms)}000000`;

function attributes(values: Readonly<Record<string, string | number | undefined>>): readonly Attribute[] {
  return Object.entries(values).flatMap(([key, value]): readonly Attribute[] => {
    if (value === undefined) return [];
    if (typeof value === 'string') return [{ key, value: { stringValue: value } }];
    return [{ key, value: Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value } }];
  });
}

const about = ({ message, reason, bytes, length, seconds }: BootStep) =>
  attributes({
    'slipway.message': message,
    'slipway.reason': reason,
    'slipway.bytes': bytes,
    'slipway.length': length,
    'slipway.seconds': seconds,
  });

/** The id of a stage's span: the same wherever it is computed. */
function stageSpanId(boot: string, stage: Stage): string {
  return createHash('sha256').update(`${boot} ${stage}`).digest('hex').slice(0, 16);
}

const statusOf = (isFailed: boolean, message: string) => (isFailed ? { code: ERROR, message } : { code: OK });

function stageSpan(boot: BootWithSteps, stage: Stage, ms: number): Span {
  const steps = boot.steps.filter((step) => step.stage === stage);
  const last = steps.at(-1);
  const end = last?.at ?? boot.last;
  return {
    traceId: traceIdOf(boot.id),
    spanId: stageSpanId(boot.id, stage),
    parentSpanId: boot.id,
    name: stage,
    kind: INTERNAL,
    startTimeUnixNano: nanos(end - ms),
    endTimeUnixNano: nanos(end),
    attributes: last ? about(last) : [],
    events: steps.map((step) => ({ timeUnixNano: nanos(step.at), name: step.happening, attributes: about(step) })),
    status: statusOf(last?.happening === 'failed', last?.message ?? ''),
  };
}

/** The id of a boot's trace: zeros and the boot's own id. */
export function traceIdOf(boot: string): string {
  return boot.padStart(32, '0');
}

/** A boot as spans: the whole, and below it each stage that it came to. */
export function spansOf(boot: BootWithSteps): readonly Span[] {
  const { id, mac, node, image, version, outcome, began, last, steps } = boot;
  const whole: Span = {
    traceId: traceIdOf(id),
    spanId: id,
    name: `boot ${image ?? 'unknown'}`,
    kind: SERVER,
    startTimeUnixNano: nanos(began),
    endTimeUnixNano: nanos(Math.max(began, last)),
    attributes: attributes({
      'slipway.boot': id,
      'slipway.mac': mac,
      'slipway.node': node,
      'slipway.image': image,
      'slipway.version': version,
      'slipway.outcome': outcome,
    }),
    status: statusOf(outcome !== 'up', steps.at(-1)?.message ?? outcome),
  };
  return [whole, ...[...durationsOf(boot)].map(([stage, ms]) => stageSpan(boot, stage, ms))];
}

/** The body of a request (OTLP 1, `ExportTraceServiceRequest`). @param version of Slipway */
export function traceRequest(spans: readonly Span[], version: string): string {
  const resource = { attributes: attributes({ 'service.name': 'slipway', 'service.version': version }) };
  const scopeSpans = [{ scope: { name: 'slipway', version }, spans }];
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans }] });
}
