/** The result of a request for a machine's script. */
export type ScriptResult =
  | { readonly kind: 'script'; readonly text: string }
  /** A script that has iPXE ask again and tell what it knows of the machine: its settings depend on that. */
  | { readonly kind: 'question'; readonly text: string }
  /** A script with which a person chooses; what is chosen is asked for by `?image=`. */
  | { readonly kind: 'menu'; readonly text: string }
  /** The machine's action is `ignore`. */
  | { readonly kind: 'ignored'; readonly why: string }
  /** The machine would boot, but a file that its script names is missing (so far). */
  | { readonly kind: 'unavailable'; readonly why: string };
