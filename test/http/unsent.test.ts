import type { Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { shareUnsent } from '../../src/http/send/unsent-limit.ts';

const MiB = 1024 * 1024;
const socket = { _handle: { fd: 7 } } as unknown as Socket;
const closed = { _handle: null } as unknown as Socket;

describe('what may wait unsent', () => {
  it('is shared by all downloads, in powers of two', () => {
    const limitUnsent = vi.fn();
    const begin = shareUnsent({ limitUnsent });
    const first = begin();
    first.apply(socket);
    const others = Array.from({ length: 99 }, begin);
    first.apply(socket);
    for (const other of others) other.end();
    first.apply(socket);
    expect(limitUnsent.mock.calls).toEqual([
      [7, 4 * MiB],
      [7, 2 * MiB],
      [7, 4 * MiB],
    ]);
  });

  it('is 128 KiB for each of very many', () => {
    const limitUnsent = vi.fn();
    const begin = shareUnsent({ limitUnsent });
    const shares = Array.from({ length: 10_000 }, begin);
    shares[0]?.apply(socket);
    expect(limitUnsent).toHaveBeenCalledWith(7, 128 * 1024);
  });

  it('is told the kernel only where it changes', () => {
    const limitUnsent = vi.fn();
    const share = shareUnsent({ limitUnsent })();
    share.apply(closed);
    share.apply(null);
    expect(limitUnsent).not.toHaveBeenCalled();
    share.apply(socket);
    share.apply(socket);
    expect(limitUnsent).toHaveBeenCalledOnce();
  });
});
