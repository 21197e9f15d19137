import { z } from 'zod';
import { mapping, oneOf, text } from '../../model/boot/yaml-shapes.ts';
import { SECRET, secretOf } from '../../model/configuration/merge.ts';
import type { MetricsSettings, TextOrSecret, TraceSettings, WebhookSettings } from '../../model/settings/observe.ts';
import { WEBHOOK_EVENTS } from '../../model/settings/observe.ts';

const SECRET_EXPECTED = 'a secret: !secret file:PATH or !secret env:NAME';

const secret = () => z.object({ [SECRET]: z.string() }, { error: SECRET_EXPECTED });

const isUrl = (url: string): boolean => /^https?:\/\/\S+$/i.test(url) && URL.canParse(url) && !/[@#]/.test(url);
const URL_EXPECTED = 'an http(s) URL without a user';
const url = () => z.string({ error: URL_EXPECTED }).refine(isUrl, { error: URL_EXPECTED });
const orSecret = <T extends z.ZodType>(value: T, expected: string) =>
  z.union([value, secret()], { error: `${expected}, or ${SECRET_EXPECTED}` });

/** `server.metrics`. */
export const metricsSection = z.union(
  [
    z.boolean(),
    mapping({
      nodes: z
        .boolean({ error: 'true or false' })
        .optional()
        .describe('Whether each node of this file has series of its own. Default: false.'),
    }),
  ],
  { error: 'true, false, or a mapping such as { nodes: true }' },
);

const HEADER_EXPECTED = 'a text without control characters';

/** `traces`. */
export const tracesSection = mapping({
  url: url().describe('Where traces are sent: OTLP/HTTP with JSON. Without a path it is /v1/traces.'),
  // Not a mapping: keys that begin with "x-" are the user's own.
  headers: z
    .array(
      mapping({
        name: text(/^[A-Za-z0-9-]{1,100}$/, 'the name of a header').describe('Its name.'),
        value: orSecret(text(/^[\x20-\x7e]*$/, HEADER_EXPECTED), HEADER_EXPECTED).describe(
          'Its value; may be a secret.',
        ),
      }),
      { error: 'a list such as [{ name: x-team, value: boot }]' },
    )
    .optional()
    .describe('Headers of each request, such as Authorization.'),
});

const webhookSection = mapping({
  url: orSecret(url(), URL_EXPECTED).describe('Where events are sent; may be a secret.'),
  events: z
    .array(oneOf(WEBHOOK_EVENTS), { error: 'a list of events' })
    .min(1)
    .optional()
    .describe('The events that are sent. Default: all that there are.'),
  secret: secret().describe('The key of the signatures: at least 16 bytes, or whsec_ and base64.'),
});

/** `webhooks`. */
export const webhooksSection = z.record(
  text(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, ".", "_" and "-", with a letter or digit first'),
  webhookSection,
  { error: 'a mapping' },
);

/** The settings of a valid section, or of none. */
export function toMetrics(section: z.infer<typeof metricsSection> | undefined): MetricsSettings | false {
  if (section === false) return false;
  return { nodes: typeof section === 'object' && section.nodes === true };
}

function toText(value: unknown): TextOrSecret {
  const source = secretOf(value);
  return source === undefined ? String(value) : { secret: source };
}

/** The settings of a valid section. */
export function toTraces(section: z.infer<typeof tracesSection> | null | undefined): TraceSettings | undefined {
  if (!section) return undefined;
  const to = new URL(section.url);
  if (to.pathname === '/') to.pathname = '/v1/traces';
  const headers = (section.headers ?? []).map(({ name, value }) => [name, toText(value)] as const);
  return { url: to.href, headers: new Map(headers) };
}

/** The settings of a valid section, by the names of the webhooks. */
export function toWebhooks(
  section: z.infer<typeof webhooksSection> | null | undefined,
): ReadonlyMap<string, WebhookSettings> {
  const all = Object.entries(section ?? {}).map(([name, { url, events = WEBHOOK_EVENTS, secret }]) => {
    return [name, { url: toText(url), events, secret: secretOf(secret) ?? '' }] as const;
  });
  return new Map(all);
}
