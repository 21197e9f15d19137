import { dropOldest } from '../../model/limits/drop-oldest.ts';

/** Sessions that are remembered; the oldest go. */
const MAX = 20_000;

/** The session tokens of the metadata service: each is for one IP address. */
export class Sessions {
  private readonly sessions = new Map<string, { readonly client: string; readonly ends: number }>();
  private readonly newToken: () => string;
  private readonly now: () => number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(newToken: () => string, now: () => number) {
    this.newToken = newToken;
    this.now = now;
  }

  begin(client: string, seconds: number): string {
    const token = this.newToken();
    this.sessions.set(token, { client, ends: this.now() + seconds * 1000 });
    dropOldest(this.sessions, MAX);
    return token;
  }

  isOpen(token: string, client: string): boolean {
    const session = this.sessions.get(token);
    return session !== undefined && session.client === client && this.now() <= session.ends;
  }
}
