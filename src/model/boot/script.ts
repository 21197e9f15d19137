/** What came of asking for a machine's script. */
export type ScriptResult =
  | { readonly kind: 'script'; readonly text: string }
  /** The configuration says to leave the machine alone. */
  | { readonly kind: 'ignored'; readonly why: string }
  /** It would boot, but something that the script names is not there (yet). */
  | { readonly kind: 'unavailable'; readonly why: string };
