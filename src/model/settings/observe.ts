/** A text, or a secret by its source: `file:PATH` or `env:NAME`. */
export type TextOrSecret = string | { readonly secret: string };

/** What `/metrics` tells. */
export interface MetricsSettings {
  /** Whether each node of the configuration has series of its own. */
  readonly nodes: boolean;
}

/** Where boots are sent as traces (OTLP/HTTP with JSON). */
export interface TraceSettings {
  readonly url: string;
  /** Headers of each request, by their names. */
  readonly headers: ReadonlyMap<string, TextOrSecret>;
}

/** The events that webhooks can have: what became of boots, and events of the log with these names. */
export const WEBHOOK_EVENTS = [
  'boot.began',
  'boot.up',
  'boot.failed',
  'boot.unfinished',
  'machine.unknown',
  'boot.claimed',
  'config.loaded',
  'config.refused',
  'artifact.changed',
  'image.build',
  'image.rollout',
  'api.change',
  'state.away',
  'state.back',
  'http.worker',
  'ready',
  'stopping',
] as const;

export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** A receiver of events. */
export interface WebhookSettings {
  /** May have a token in it, so it is in no message. */
  readonly url: TextOrSecret;
  readonly events: readonly WebhookEvent[];
  /** The source of the key by which requests are signed. */
  readonly secret: string;
}
