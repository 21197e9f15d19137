import { randomUUID } from 'node:crypto';
import type { BootEvent, RecordEvent } from '../../model/event.ts';
import type { BootStore } from '../../model/fleet/boot-store.ts';
import { diagnose } from '../../model/fleet/diagnosis/diagnosis.ts';
import { WEBHOOK_EVENTS, type WebhookEvent, type WebhookSettings } from '../../model/settings/observe.ts';
import type { BootNews } from './boot-news.ts';
import { post, type ReadSecret, readText } from './post.ts';
import { type Sample, sample } from './samples.ts';
import { signedHeaders } from './signature.ts';
import { type Message, TRIED_FOR, WebhookQueue } from './webhook-queue.ts';

/** How long the end of the daemon waits for receivers, milliseconds. */
const GRACE = 3000;

/** Options of {@link Webhooks}. */
export interface WebhooksOptions {
  /** The webhooks in force, by name. */
  readonly settings: () => ReadonlyMap<string, WebhookSettings>;
  readonly secret: ReadSecret;
  /** Keeps the events that wait. */
  readonly store: Pick<BootStore, 'notes' | 'putNote'> | undefined;
  readonly record: RecordEvent;
  readonly count: (samples: readonly Sample[]) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

const isForWebhooks = (name: string): name is WebhookEvent => (WEBHOOK_EVENTS as readonly string[]).includes(name);

const SAYS = {
  began: 'began to boot',
  up: 'is up',
  failed: 'failed to boot',
  unfinished: 'began anew before it was up',
};

/** News of a boot as an event. @param now milliseconds since 1970 */
export function eventOfNews({ kind, boot }: BootNews, now: number): BootEvent & { readonly event: WebhookEvent } {
  const { id, mac, node, image, version, began, last } = boot;
  const { rule, message: why, remedy } = (kind === 'failed' && diagnose(boot, now)) || {};
  const seconds = Math.round(last - began) / 1000;
  const end = kind === 'began' ? '' : ` after ${seconds} s`;
  return {
    event: `boot.${kind}`,
    level: kind === 'failed' ? 'warn' : 'info',
    message: `${node ?? mac} ${SAYS[kind]}${end}${why === undefined ? '' : `: ${why}`}`,
    ...{ boot: id, mac, node, image, version, rule, remedy },
    ...(kind === 'began' ? {} : { seconds }),
  };
}

/** An event as a receiver gets it: JSON. @param now milliseconds since 1970 */
export function messageOf({ event, level, message, ...data }: BootEvent, now: number): Message {
  const id = `msg_${randomUUID()}`;
  const body = JSON.stringify({ type: event, timestamp: new Date(now).toISOString(), level, message, data });
  return { id, body, at: now };
}

/**
 * Sends a message to a receiver, signed at this moment.
 * @returns undefined where the receiver took it; else why not, without its URL or secret
 */
export async function sendSigned(
  { url, secret: source }: Pick<WebhookSettings, 'url' | 'secret'>,
  { id, body }: Message,
  secret: ReadSecret,
  now: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const headers = signedHeaders(await secret(source), id, Math.floor(now / 1000), body);
  return await post(await readText(url, secret), headers, body, signal);
}

interface Kept extends Message {
  readonly webhook: string;
}

/** The kind of note that an event which waits is. */
const KIND = 'webhook-event';

/** The webhooks: a queue for each. What has to wait outlives the daemon where there is a store. */
export class Webhooks {
  private readonly queues = new Map<string, WebhookQueue>();
  private readonly options: WebhooksOptions;

  constructor(options: WebhooksOptions) {
    this.options = options;
    void this.goOn();
  }

  /** Goes on with what an earlier daemon has kept; of no use is what is too old, or for a webhook that is gone. */
  private async goOn(): Promise<void> {
    const { store, settings, now } = this.options;
    const kept = (await store?.notes(KIND).catch(() => [])) ?? [];
    for (const [, note] of kept) {
      const { webhook, ...message } = note as Kept;
      const age = Math.max(0, now() - message.at);
      if (settings().has(webhook) && age < TRIED_FOR) this.queueOf(webhook).add(message, age);
      else void this.note(webhook, message, undefined);
    }
  }

  /** Takes any event; those that no webhook wants are nothing to it. */
  take(event: BootEvent): void {
    const { event: name } = event;
    if (!isForWebhooks(name)) return;
    const settings = this.options.settings();
    for (const gone of this.queues.keys()) if (!settings.has(gone)) this.remove(gone);
    const wanting = [...settings].filter(([, { events }]) => events.includes(name));
    if (wanting.length === 0) return;
    const message = messageOf(event, this.options.now());
    for (const [webhook] of wanting) {
      this.queueOf(webhook).add(message);
    }
  }

  /** What waits, for metrics. */
  samples(): readonly Sample[] {
    const { settings } = this.options;
    return [...settings().keys()].map((webhook) =>
      sample('slipway_webhook_waiting', { webhook }, this.queues.get(webhook)?.size ?? 0),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.queues.values()].map((queue) => queue.stop(GRACE)));
  }

  private remove(webhook: string): void {
    this.queues.get(webhook)?.stop(0);
    this.queues.delete(webhook);
  }

  private async note(webhook: string, { id }: Message, value: Kept | undefined): Promise<void> {
    // A store that is away says so itself.
    await this.options.store?.putNote(KIND, `${webhook} ${id}`, value).catch(() => {});
  }

  private queueOf(webhook: string): WebhookQueue {
    return this.queues.get(webhook) ?? this.open(webhook);
  }

  private open(webhook: string): WebhookQueue {
    const { settings, secret, record, count, now, monotonic } = this.options;
    const warn = (event: string, message: string) => record({ event, level: 'warn', message, webhook });
    const queue = new WebhookQueue({
      send: async (message, signal) => {
        const own = settings().get(webhook);
        return own ? await sendSigned(own, message, secret, now(), signal) : 'it is no longer in the configuration';
      },
      keep: (message) => this.note(webhook, message, { webhook, ...message }),
      forget: (message) => this.note(webhook, message, undefined),
      tried: (result) => count([sample('slipway_webhook_requests_total', { webhook, result })]),
      failing: (why) => warn('webhook.failed', `webhook ${webhook}: ${why}; events are tried again for an hour`),
      back: (lost) => {
        const message = `webhook ${webhook}: events are taken again; ${lost} were lost`;
        record({ event: 'webhook.back', level: lost > 0 ? 'warn' : 'info', message, webhook, lost });
      },
      monotonic,
    });
    this.queues.set(webhook, queue);
    return queue;
  }
}
