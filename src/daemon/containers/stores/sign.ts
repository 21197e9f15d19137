import { AwsV4Signer } from 'aws4fetch';
import type { StoreSettings } from '../../../model/containers/stored-files.ts';

/** How long a URL is good for, seconds: long enough to begin a transfer, which may then take as long as it does. */
const EXPIRES = 900;

/** A request that is to be signed. */
interface Unsigned {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** They are signed too. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Signs requests to a store; what does not differ between them is worked out once. */
export type Sign = (request: Unsigned) => Promise<string>;

/**
 * Gives URLs which say by themselves who allows the request (AWS Signature Version 4, query string authentication).
 * A key must not have `.` or `..` between its slashes: in a URL they would lead to another object.
 * @param now milliseconds since 1970
 */
export function signerFor(store: StoreSettings, now: number): Sign {
  const cache = new Map<string, ArrayBuffer>();
  const datetime = new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, '');
  const base = `${store.url.replace(/\/+$/, '')}/${encodeURIComponent(store.bucket)}`;
  return async ({ method, key, query = {}, headers = {} }) => {
    const path = key.split('/').map(encodeURIComponent).join('/');
    const url = new URL(key === '' ? base : `${base}/${path}`);
    // They are for nobody here, and fetch takes no such URL.
    url.username = '';
    url.password = '';
    url.search = new URLSearchParams({ ...query, 'X-Amz-Expires': String(EXPIRES) }).toString();
    const { accessKey: accessKeyId, secretKey: secretAccessKey, region } = store;
    const credentials = { accessKeyId, secretAccessKey, region, service: 's3', cache, datetime };
    const signed = await new AwsV4Signer({ method, url: url.href, headers, ...credentials, signQuery: true }).sign();
    // A store that does not decode forms would take a plus for itself.
    return signed.url.href.replaceAll('+', '%20');
  };
}
