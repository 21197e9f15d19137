import type { ServerResponse } from 'node:http';
import type { OpenFile } from '../../model/files/open-file.ts';

/**
 * How a body ended. `aborted`: the client left or stalled. `changed`: the file became another; `failed`: it could not
 * be read. In these three the connection is closed where the response had begun.
 */
export interface Sent {
  readonly outcome: 'complete' | 'aborted' | 'changed' | 'failed';
  /** Bytes of the body handed to the kernel. */
  readonly bytes: number;
  /** Whether the response's head went out. */
  readonly begun: boolean;
  readonly error?: Error;
}

/**
 * Sends part of an open file as a response's whole body. Status and headers are set by the caller, with the right
 * Content-Length, and are sent with the first bytes. Never throws; does not close the file. A body that is complete
 * holds bytes of the version that was opened and of no other.
 * @param first position in the file, bytes
 * @param length bytes, at least 1
 */
export type SendRange = (file: OpenFile, first: number, length: number, response: ServerResponse) => Promise<Sent>;
