import type { Duplex } from 'node:stream';
import { Ended, type Wire } from './serve.ts';

/**
 * A socket as a {@link Wire}. It is read by exact lengths, so that memory holds only the stream's own buffer and the
 * longest read.
 * @param stallMs how long the client may take none of the written bytes, milliseconds
 */
export function wireOf(socket: Duplex, stallMs: number): Wire {
  let over: Error | undefined;
  const waiting = new Set<(error?: Error) => void>();
  const wake = (error?: Error) => {
    for (const each of [...waiting]) each(error);
  };
  const end = (why: string) => () => {
    over ??= new Ended(why);
    wake(over);
  };
  socket.on('readable', () => wake());
  socket.on('drain', () => wake());
  socket.on('end', end('the client closed the connection'));
  socket.on('error', (error) => end(error.message)());
  socket.on('close', end('the connection is closed'));

  const change = () =>
    new Promise<void>((resolve, reject) => {
      const settle = (error?: Error) => {
        waiting.delete(settle);
        if (error) reject(error);
        else resolve();
      };
      waiting.add(settle);
    });

  return {
    async read(length) {
      if (length === 0) return Buffer.alloc(0);
      for (;;) {
        const bytes: Buffer | null = socket.read(length);
        // At its end a stream gives the rest, however short.
        if (bytes !== null && bytes.length === length) return bytes;
        if (bytes !== null) throw new Ended('the client closed the connection');
        if (over) throw over;
        await change();
      }
    },
    async write(bytes) {
      if (over) throw over;
      if (socket.write(bytes)) return;
      const stalled = setTimeout(() => socket.destroy(new Ended('the client takes no more bytes')), stallMs);
      try {
        while (socket.writableNeedDrain) await change();
      } finally {
        clearTimeout(stalled);
      }
    },
  };
}
