import type { Syscalls } from '../../model/sockets/syscalls.ts';
import { PageCache } from './page-cache.ts';
import type { SendRange } from './progress.ts';
import { createChunkSender } from './send-chunks.ts';
import { canSendByKernel, createKernelSender } from './send-kernel.ts';
import { shareUnsent } from './unsent-limit.ts';

/** Options of {@link createSender}. */
export interface SenderOptions {
  /** Undefined where the system has none. */
  readonly syscalls: Syscalls | undefined;
  /** Whether the kernel is to send files by itself. */
  readonly sendfile: boolean;
  /** Bytes of all downloads' buffers together, roughly. */
  readonly bufferMemory: number;
  /** Milliseconds. */
  readonly now: () => number;
}

/**
 * Makes a sender: the kernel copies from its page cache to the socket. Short bodies, TLS, and systems without
 * sendfile(2) go through buffers of a bounded size.
 */
export function createSender({ syscalls, sendfile, bufferMemory, now }: SenderOptions): SendRange {
  const unsent = shareUnsent(syscalls);
  const cache = syscalls && new PageCache(syscalls, now);
  const byChunks = createChunkSender(bufferMemory, unsent, cache);
  if (!syscalls || !cache || !sendfile) return byChunks;
  const byKernel = createKernelSender(syscalls, unsent, cache);
  return (file, first, length, response) => {
    // The kernel does not wait for bytes that still arrive.
    const send = !file.arrived && canSendByKernel(response, length) ? byKernel : byChunks;
    return send(file, first, length, response);
  };
}
