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

/** A body that is being sent: its bytes so far, and its end. */
export class Progress {
  /** Bytes of the body handed to the kernel. */
  bytes = 0;
  private begun = false;
  private readonly response: ServerResponse;

  constructor(response: ServerResponse) {
    this.response = response;
  }

  /** Whether the connection ended. */
  get isOver(): boolean {
    return this.response.socket?.destroyed ?? true;
  }

  /**
   * Writes bytes of the body, the first after the response's head.
   * @returns true when the kernel has all of them; false where the connection ended first
   */
  write(bytes: Uint8Array): Promise<boolean> {
    const { socket } = this.response;
    if (!socket) return Promise.resolve(false);
    return new Promise((resolve) => {
      const closed = () => resolve(false);
      socket.once('close', closed);
      // Head and first bytes leave together.
      socket.cork();
      if (!this.begun) this.response.flushHeaders();
      this.begun = true;
      socket.write(bytes, (error) => {
        socket.off('close', closed);
        if (!error) this.bytes += bytes.length;
        resolve(!error);
      });
      socket.uncork();
    });
  }

  /** Ends the response; where it had begun and is not complete, it ends the connection. */
  end(outcome: Sent['outcome'], error?: Error): Sent {
    const { bytes, begun, response } = this;
    if (outcome === 'complete') response.end();
    // Bytes that still wait to be sent may be of another version: a reset drops them.
    else if (begun && outcome === 'changed') response.socket?.resetAndDestroy();
    else if (begun) response.socket?.destroy();
    return { outcome, bytes, begun, ...(error && { error }) };
  }
}
