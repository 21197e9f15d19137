import type { ServerResponse } from 'node:http';
import type { Sent } from './sent.ts';

/** A body on its way: how much of it the kernel has, and how it ended. */
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
   * Writes a piece of the body, the first after the response's head.
   * @returns when the kernel has all of it: true; false where the connection ended first
   */
  write(piece: Uint8Array): Promise<boolean> {
    const { socket } = this.response;
    if (!socket) return Promise.resolve(false);
    return new Promise((resolve) => {
      const closed = () => resolve(false);
      socket.once('close', closed);
      // Head and first piece leave together.
      socket.cork();
      if (!this.begun) this.response.flushHeaders();
      this.begun = true;
      socket.write(piece, (error) => {
        socket.off('close', closed);
        if (!error) this.bytes += piece.length;
        resolve(!error);
      });
      socket.uncork();
    });
  }

  /** Ends the response; where it had begun and is not complete, by ending the connection. */
  end(outcome: Sent['outcome'], error?: Error): Sent {
    const { bytes, begun, response } = this;
    if (outcome === 'complete') response.end();
    // What still waits to be sent may be of another version: a reset throws it away.
    else if (begun && outcome === 'changed') response.socket?.resetAndDestroy();
    else if (begun) response.socket?.destroy();
    return { outcome, bytes, begun, ...(error && { error }) };
  }
}
