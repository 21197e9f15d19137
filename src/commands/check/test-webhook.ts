import { readSecret } from '../../daemon/configuration/secrets.ts';
import { messageOf, sendSigned } from '../../daemon/observe/webhooks.ts';
import { requireCheckedConfig } from '../../daemon/serving/checked-config.ts';

/**
 * Sends a test event to a webhook of a configuration, once.
 * @returns a line for people
 * @throws ConfigError; Error that says why the receiver did not take it
 */
export async function testWebhook(file: string, name: string): Promise<string> {
  const { webhooks, folder } = (await requireCheckedConfig(file)).config;
  const settings = webhooks.get(name);
  if (!settings) {
    const names = webhooks.size > 0 ? `there are ${[...webhooks.keys()].join(', ')}` : 'it has none';
    throw new Error(`there is no webhook ${name} in ${file}: ${names}`);
  }
  const now = Date.now();
  const message = messageOf({ event: 'webhook.test', level: 'info', message: `a test of webhook ${name}` }, now);
  const secret = (source: string) => readSecret(source, folder, process.env);
  const why = await sendSigned(settings, message, secret, now, new AbortController().signal);
  if (why !== undefined) throw new Error(`webhook ${name}: the event was not taken: ${why}`);
  return `webhook ${name}: the event ${message.id} was taken\n`;
}
