import { readSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { type OpenFile, readWhole } from '../../model/files/open-file.ts';
import { finderIn } from '../../model/files/segment.ts';
import { FULL, failure, GONE, plainFd, type Syscalls, UNSUPPORTED } from '../../model/sockets/syscalls.ts';
import { type PageCache, REGION } from './page-cache.ts';
import { Progress, type SendRange, type Sent } from './progress.ts';
import { fill } from './send-chunks.ts';
import type { UnsentShare } from './unsent-limit.ts';

/** Bytes that go with the response's head, and bytes that are held back at the end. */
const EDGE = 16 * 1024;
/** The shortest body for which it is faster, bytes. */
const MIN_LENGTH = 256 * 1024;
/** Bytes that go through a buffer when the socket is full: their callback tells when there is room again. */
const PROBE = 4 * 1024;
/** Bytes of one call: it takes half a millisecond, in which no other client is served. */
const MAX_CALL = 2 * 1024 * 1024;
/** Milliseconds between two checks whether the client has all bytes, at first and at most. */
const CHECK = { first: 1, max: 200 } as const;

/** Whether the kernel can send a body of this many bytes on this response's connection. */
export function canSendByKernel({ socket }: ServerResponse, length: number): boolean {
  return length >= MIN_LENGTH && socket !== null && plainFd(socket) !== undefined;
}

/**
 * Makes a sender that has the kernel copy from its page cache to the socket: no byte passes through this process, and a
 * download takes none of its memory.
 *
 * Bytes that the client has not acknowledged are still pages of the file: they change if the file is overwritten in
 * place. So the last bytes are held back until the client has all others and the file is seen to be unchanged. A
 * response with spoiled bytes is never complete.
 * @param unsent counts a download, and limits the unsent bytes in its socket
 */
export function createKernelSender(syscalls: Syscalls, unsent: () => UnsentShare, cache: PageCache): SendRange {
  return async (file, first, length, response) => {
    const progress = new Progress(response);
    const copy = async (buffer: Uint8Array): Promise<Sent['outcome'] | undefined> => {
      if (!(await fill(buffer, file, first + progress.bytes))) return 'changed';
      return (await progress.write(buffer)) ? undefined : 'aborted';
    };
    const share = unsent();
    try {
      const outcome =
        (await copy(Buffer.allocUnsafe(EDGE))) ??
        (await pour(file, first, length - EDGE, response, progress, share)) ??
        (await acknowledged(response, progress)) ??
        (await copy(Buffer.allocUnsafe(length - progress.bytes)));
      return progress.end(outcome ?? 'complete');
    } catch (error) {
      return progress.end('failed', error as Error);
    } finally {
      share.end();
    }
  };

  /** Sends up to a position of the body, call by call and in turn with the other downloads. */
  async function pour(
    file: OpenFile,
    first: number,
    until: number,
    { socket }: ServerResponse,
    progress: Progress,
    share: UnsentShare,
  ): Promise<Sent['outcome'] | undefined> {
    const probe = Buffer.allocUnsafeSlow(PROBE);
    const find = finderIn(file.segments ?? [{ file, first: 0, length: file.size }]);
    while (progress.bytes < until) {
      const segment = find(first + progress.bytes);
      if (!segment) return 'changed';
      if ('bytes' in segment) {
        if (!(await progress.write(segment.bytes.subarray(0, until - progress.bytes)))) return 'aborted';
        continue;
      }
      const { file: source, first: position, length: left } = segment;
      await cache.want(source, position);
      const fd = socket && plainFd(socket);
      if (fd === undefined || fd === null) return 'aborted';
      if (!source.intactNow() && !(await source.renew())) return 'changed';
      share.apply(socket);
      const count = Math.min(MAX_CALL, REGION - (position % REGION), until - progress.bytes, left);
      const sent = syscalls.sendfile(fd, source.fd, position, count);
      if (sent > 0) progress.bytes += sent;
      if (sent === 0) return 'changed';
      if (GONE.has(sent)) return 'aborted';
      if (sent < 0 && sent !== FULL && sent !== UNSUPPORTED) throw failure(sent);
      const taken = Math.max(0, sent);
      if (sent === count) await nextTurn();
      else {
        // The region was just loaded: this read does not wait for the disk either.
        const piece = probe.subarray(0, Math.min(PROBE, count - taken));
        const size = readSync(source.fd, piece, 0, piece.length, position + taken);
        const good = size === piece.length && source.intactNow();
        if (!good && !(await readWhole(source, piece, position + taken))) return 'changed';
        if (!(await progress.write(piece))) return 'aborted';
      }
    }
    return undefined;
  }

  /** Waits until the client has acknowledged all bytes that it was sent. */
  async function acknowledged({ socket }: ServerResponse, progress: Progress): Promise<Sent['outcome'] | undefined> {
    let before = Number.POSITIVE_INFINITY;
    for (let wait: number = CHECK.first; ; wait = Math.min(2 * wait, CHECK.max)) {
      const fd = socket && plainFd(socket);
      if (fd === undefined || fd === null || progress.isOver) return 'aborted';
      const left = syscalls.unacknowledged(fd);
      if (left === 0) return undefined;
      // The time-out of a stalled connection starts again with each byte that arrives.
      if (left < before) socket?.setTimeout(socket.timeout ?? 0);
      before = left;
      await delay(wait);
    }
  }
}
