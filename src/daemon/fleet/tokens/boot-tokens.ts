import { createHmac, timingSafeEqual } from 'node:crypto';
import { dropOldest } from '../../../model/limits/drop-oldest.ts';

/** Boots whose uses are counted; the oldest go. */
const MAX = 20_000;
/** Hex digits of a boot's id, and of what shows that the token was given out. */
const ID = 16;
const PROOF = 16;

/** Options of {@link BootTokens}. */
export interface BootTokensOptions {
  /** At least 32 hex digits that nobody can guess. */
  readonly secret: string;
  readonly purpose: 'report' | 'configuration' | 'containers';
  /** How often each may be used. */
  readonly uses: number;
}

/**
 * The tokens by which machines report on their boots, or fetch their configuration. Each is good for one boot: its id,
 * and a proof that only who has the secret can make. So every daemon that has it takes them, after a restart too.
 */
export class BootTokens {
  private readonly used = new Map<string, number>();
  private readonly options: BootTokensOptions;

  constructor(options: BootTokensOptions) {
    this.options = options;
  }

  /** The token of a boot, 32 hex digits, always the same. @param boot its id, 16 hex digits */
  of(boot: string): string {
    const { secret, purpose } = this.options;
    return boot + createHmac('sha256', secret).update(`${purpose} ${boot}`).digest('hex').slice(0, PROOF);
  }

  /** Uses a token once. @returns the id of its boot, as an object, or the reason for a refusal */
  use(token: string): { readonly boot: string } | 'unknown' | 'too-many' {
    if (!/^[0-9a-f]{32}$/.test(token)) return 'unknown';
    const boot = token.slice(0, ID);
    if (!timingSafeEqual(Buffer.from(this.of(boot)), Buffer.from(token))) return 'unknown';
    const count = (this.used.get(boot) ?? 0) + 1;
    if (count > this.options.uses) return 'too-many';
    this.used.set(boot, count);
    dropOldest(this.used, MAX);
    return { boot };
  }
}
