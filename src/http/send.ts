import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { OpenFile } from '../model/open-file.ts';

/** Bytes read and written at a time when few download. */
const LARGEST = 512 * 1024;
/** The same when very many do. */
const SMALLEST = 32 * 1024;
/** What all downloads together hold in buffers, roughly; slow clients keep theirs filled. */
const BUDGET = 64 * 1024 * 1024;

/**
 * How a body ended. `aborted`: the client left or stalled. `changed`: the file became another, and nothing of that was
 * sent; `failed`: it could not be read. In these three the connection is closed where the response had begun.
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
 * Content-Length, and are sent with the first bytes. Never throws; does not close the file.
 * @param first position in the file, bytes
 * @param length bytes, at least 1
 */
export type SendRange = (file: OpenFile, first: number, length: number, response: ServerResponse) => Promise<Sent>;

/**
 * Makes a sender that reads a piece and writes it to the socket itself, which costs half of what the response's own
 * stream does, and reads the next when the kernel has taken it: one buffer per download, and the socket sets the pace.
 */
export function createSender(): SendRange {
  let active = 0;
  return async (file, first, length, response) => {
    active += 1;
    const progress = { bytes: 0, begun: false };
    const end = (outcome: Sent['outcome'], error?: Error): Sent => {
      if (outcome === 'complete') response.end();
      else if (progress.begun) response.socket?.destroy();
      return { outcome, ...progress, ...(error && { error }) };
    };
    try {
      let buffer = Buffer.alloc(0);
      while (progress.bytes < length) {
        const socket = response.socket;
        if (!socket || socket.destroyed) return end('aborted');
        const size = Math.min(pieceSize(active), length - progress.bytes);
        if (buffer.length !== size) buffer = Buffer.allocUnsafeSlow(size);
        const filled = await file.read(buffer, first + progress.bytes);
        // Asked after the read: a write to the file moves its time stamp before it moves a byte.
        if (filled < size || !(await file.intact())) return end('changed');
        const written = write(socket, buffer, progress.begun ? undefined : response);
        progress.begun = true;
        if (!(await written)) return end('aborted');
        progress.bytes += size;
      }
      return end('complete');
    } catch (error) {
      return end('failed', error as Error);
    } finally {
      active -= 1;
    }
  };
}

/** Smaller pieces for more downloads, so that together they stay near the budget. */
function pieceSize(active: number): number {
  const share = Math.floor(BUDGET / active / SMALLEST) * SMALLEST;
  return Math.max(SMALLEST, Math.min(LARGEST, share));
}

/** Writes a piece, after the response's head if that is given; false where the connection ended first. */
function write(socket: Socket, piece: Buffer, head: ServerResponse | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const closed = () => resolve(false);
    socket.once('close', closed);
    // Head and first piece leave together.
    socket.cork();
    head?.flushHeaders();
    socket.write(piece, (error) => {
      socket.off('close', closed);
      resolve(!error);
    });
    socket.uncork();
  });
}
