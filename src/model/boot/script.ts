/** The result of a request for a machine's script. */
export type ScriptResult =
  | { readonly kind: 'script'; readonly text: string }
  /** The machine's action is `ignore`. */
  | { readonly kind: 'ignored'; readonly why: string }
  /** The machine would boot, but a file that its script names is missing (so far). */
  | { readonly kind: 'unavailable'; readonly why: string };
