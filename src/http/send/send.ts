import type { ServerResponse } from 'node:http';
import type { OpenFile } from '../../model/files/open-file.ts';
import type { Syscalls } from '../linux/syscalls.ts';
import { PageCache } from './page-cache.ts';
import { createChunkSender } from './send-chunks.ts';
import { canSendByKernel, createKernelSender } from './send-kernel.ts';
import { shareUnsent } from './unsent-limit.ts';

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

/** Options of {@link createSender}. */
export interface SenderOptions {
  /** Undefined where the system has none. */
  readonly syscalls: Syscalls | undefined;
  /** Whether it is to send files by itself. */
  readonly sendfile: boolean;
  /** What all downloads together may hold in buffers, roughly, bytes. */
  readonly bufferMemory: number;
  /** Milliseconds. */
  readonly now: () => number;
}

/**
 * Makes a sender: the kernel copies from its page cache to the socket where that is possible; what is short, TLS, and a
 * system without that goes through buffers of a bounded size.
 */
export function createSender({ syscalls, sendfile, bufferMemory, now }: SenderOptions): SendRange {
  const unsent = shareUnsent(syscalls);
  const cache = syscalls && new PageCache(syscalls, now);
  const byChunks = createChunkSender(bufferMemory, unsent, cache);
  if (!syscalls || !cache || !sendfile) return byChunks;
  const byKernel = createKernelSender(syscalls, unsent, cache);
  return (file, first, length, response) => {
    const send = canSendByKernel(response, length) ? byKernel : byChunks;
    return send(file, first, length, response);
  };
}
