import { dropOldest } from '../../model/limits/drop-oldest.ts';
import type { Mac } from '../../model/machine/mac.ts';

/** Reports that one boot may send. */
const REPORTS = 200;
/** The time for which a token counts, milliseconds: a machine may take long to fetch its root. */
const LIFE = 24 * 3_600_000;
/** Tokens that are remembered; the oldest go. */
const MAX = 20_000;

/** The boot that a token was made for. */
export interface TokenOwner {
  readonly mac: Mac;
  readonly boot: string;
}

/** The tokens by which machines report on their boots: each is good for one boot. */
export class ReportTokens {
  private readonly tokens = new Map<string, TokenOwner & { readonly made: number; left: number }>();
  private readonly byBoot = new Map<string, string>();
  private readonly newToken: () => string;

  /** @param newToken gives 32 hex digits that nobody can guess */
  constructor(newToken: () => string) {
    this.newToken = newToken;
  }

  /** The token of a boot, always the same. @param now milliseconds of a clock that never goes back */
  of(owner: TokenOwner, now: number): string {
    const known = this.byBoot.get(owner.boot);
    if (known !== undefined) return known;
    const token = this.newToken();
    this.tokens.set(token, { ...owner, made: now, left: REPORTS });
    this.byBoot.set(owner.boot, token);
    const [, dropped] = dropOldest(this.tokens, MAX) ?? [];
    if (dropped) this.byBoot.delete(dropped.boot);
    return token;
  }

  /** Uses a token once. */
  use(token: string, now: number): TokenOwner | 'unknown' | 'too-many' {
    const found = this.tokens.get(token);
    if (!found || now - found.made > LIFE) return 'unknown';
    if (found.left === 0) return 'too-many';
    found.left -= 1;
    return found;
  }
}
