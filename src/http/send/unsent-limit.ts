import type { Socket } from 'node:net';
import { tcpFd } from '../../model/sockets/socket-fd.ts';
import type { Syscalls } from '../../model/sockets/syscalls.ts';

/**
 * Unsent bytes in the sockets of all downloads together, roughly. Without a limit thousands of downloads fill the
 * kernel's memory for TCP (tcp_mem), and then no connection of the machine moves.
 */
const UNSENT = 256 * 1024 * 1024;
/** The share of one download. */
const SHARE = { min: 128 * 1024, max: 4 * 1024 * 1024 } as const;

/** A download's share of the unsent bytes. */
export interface UnsentShare {
  /** Applies it to the connection. Called before each send, as it changes with the number of downloads. */
  apply(socket: Socket | null): void;
  /** The download has ended. */
  end(): void;
}

/**
 * Divides the unsent bytes among downloads: the function returned starts one. Without system calls there is no limit.
 */
export function shareUnsent(syscalls: Pick<Syscalls, 'limitUnsent'> | undefined): () => UnsentShare {
  let active = 0;
  /** Powers of two, so that it seldom changes. */
  const share = () => Math.min(SHARE.max, Math.max(SHARE.min, 2 ** Math.floor(Math.log2(UNSENT / active))));
  return () => {
    let limit = 0;
    active += 1;
    return {
      apply(socket) {
        if (limit === share()) return;
        const fd = socket ? tcpFd(socket) : undefined;
        if (fd === undefined) return;
        limit = share();
        syscalls?.limitUnsent(fd, limit);
      },
      end() {
        active -= 1;
      },
    };
  };
}
