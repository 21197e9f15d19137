import { createHmac } from 'node:crypto';

/** The shortest key, bytes. */
const SHORTEST = 16;

/** The key that a secret stands for: base64 behind `whsec_`, or else its own bytes. @throws Error where it is too short */
function keyOf(secret: string): Buffer {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
  if (key.length < SHORTEST) throw new Error(`the secret has ${key.length} bytes, and needs at least ${SHORTEST}`);
  return key;
}

/**
 * The headers of a signed request: HMAC-SHA256 over id, time and body (Standard Webhooks 1.0.0, "Signature scheme").
 * @param id the same at each try, so that receivers know an event that comes again
 * @param seconds since 1970, of this try
 * @throws Error where the secret is too short for a key
 */
export function signedHeaders(secret: string, id: string, seconds: number, body: string): Record<string, string> {
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${seconds}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': `v1,${signature}`,
  };
}
