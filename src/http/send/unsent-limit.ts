import type { Socket } from 'node:net';
import { tcpFd } from '../../model/sockets/socket-fd.ts';
import type { Syscalls } from '../../model/sockets/syscalls.ts';

/**
 * What waits in the sockets of all downloads together without having been sent once, roughly, bytes: else thousands of
 * them fill what the kernel has for TCP (tcp_mem), and then nothing moves on the whole machine.
 */
const UNSENT = 256 * 1024 * 1024;
/** The least and the most of it for one. */
const SHARE = { least: 128 * 1024, most: 4 * 1024 * 1024 } as const;

/** A download's share of what may wait unsent. */
export interface UnsentShare {
  /** Applies it to the connection: to be called before each piece, as it changes with the number of downloads. */
  apply(socket: Socket | null): void;
  /** The download has ended. */
  end(): void;
}

/** Makes what gives each download its share; without a kernel nothing is limited. */
export function shareUnsent(syscalls: Pick<Syscalls, 'limitUnsent'> | undefined): () => UnsentShare {
  let active = 0;
  /** Powers of two, so that it seldom changes. */
  const share = () => Math.min(SHARE.most, Math.max(SHARE.least, 2 ** Math.floor(Math.log2(UNSENT / active))));
  return () => {
    let limit = 0;
    active += 1;
    return {
      apply(socket) {
        if (limit === share()) return;
        const descriptor = socket ? tcpFd(socket) : undefined;
        if (descriptor === undefined) return;
        limit = share();
        syscalls?.limitUnsent(descriptor, limit);
      },
      end() {
        active -= 1;
      },
    };
  };
}
