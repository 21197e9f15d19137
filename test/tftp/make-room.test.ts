import { describe, expect, it } from 'vitest';
import { makeRoom } from '../../src/tftp/make-room.ts';
import type { Download } from '../../src/tftp/transfer/download.ts';

const at = (address: string, state: Download['state'] = 'answered') => ({ address, state });

describe('makeRoom', () => {
  it('ends a finished transfer first', () => {
    const over = at('192.0.2.3', 'over');
    expect(makeRoom([at('192.0.2.2', 'unanswered'), over], '192.0.2.9')).toBe(over);
  });

  it('then the oldest that no client has answered', () => {
    const oldest = at('192.0.2.3', 'unanswered');
    const later = at('192.0.2.4', 'unanswered');
    expect(makeRoom([at('192.0.2.2'), oldest, later], '192.0.2.9')).toBe(oldest);
  });

  it('then the latest of the address that holds the most', () => {
    const latest = at('192.0.2.3');
    expect(makeRoom([at('192.0.2.3'), at('192.0.2.2'), latest], '192.0.2.9')).toBe(latest);
  });

  it('makes the newcomer wait where nobody holds more than it would', () => {
    expect(makeRoom([at('192.0.2.2'), at('192.0.2.3')], '192.0.2.9')).toBeUndefined();
    expect(makeRoom([at('192.0.2.9'), at('192.0.2.9')], '192.0.2.9')).toBeUndefined();
    expect(makeRoom([at('192.0.2.9'), at('192.0.2.3'), at('192.0.2.3')], '192.0.2.9')).toBeUndefined();
  });
});
