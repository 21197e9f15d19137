import type { Document } from './documents.ts';

/** The answer to a machine that asks for a part of its configuration. */
export type ConfigurationAnswer =
  | ({ readonly ok: true } & Document)
  | { readonly ok: false; readonly status: 401 | 404 | 429 | 503; readonly why: string };

/** What machines can ask for. */
export interface ConfigurationSource {
  /**
   * A document, or `files/NAME`, by the token of the kernel line.
   * @param client the IP address that asks
   */
  document(token: string, name: string, client: string): Promise<ConfigurationAnswer>;
  /**
   * A session token of the metadata service.
   * @param seconds for which it counts
   */
  session(client: string, seconds: number): Promise<ConfigurationAnswer>;
  /**
   * A path of the metadata service without its version, such as `meta-data/hostname`.
   * @param session the token of the session; undefined where there is none
   */
  metadata(client: string, session: string | undefined, path: string): Promise<ConfigurationAnswer>;
}
