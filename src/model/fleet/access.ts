/** What a token of the API allows: `write` is all that `read` is, and changes. */
export type Scope = 'read' | 'write';

/** A token of the API, without its secret. */
export interface Access {
  /** For the log. */
  readonly name: string;
  readonly scope: Scope;
}

/** A token with its secret. */
export interface Token extends Access {
  /** 16 to 200 characters. */
  readonly secret: string;
}

const LINE = /^([A-Za-z0-9._-]{1,60})\s+(read|write)\s+(\S{16,200})$/;

/**
 * Reads a file of tokens: on each line a name, `read` or `write`, and the secret. Empty lines and those that begin with
 * `#` are notes.
 */
export function readTokens(text: string): { readonly tokens: readonly Token[]; readonly mistakes: readonly string[] } {
  const tokens: Token[] = [];
  const mistakes: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(?:#.*)?$/.test(line)) continue;
    const [, name, scope, secret] = LINE.exec(line.trim()) ?? [];
    if (name === undefined || secret === undefined) {
      mistakes.push(`${index + 1}: expected a name, read or write, and a token of 16 characters or more`);
    } else tokens.push({ name, scope: scope as Scope, secret });
  }
  return { tokens, mistakes };
}
