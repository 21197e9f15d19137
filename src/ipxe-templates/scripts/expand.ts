/** The value of a setting of iPXE; undefined where it is not known. @param type such as `hexhyp`; undefined for none */
export type ValueOf = (name: string, type: string | undefined) => string | undefined;

/** A command of iPXE's that fetches an image: its name, its URL, and the arguments behind that. */
export interface ImageCommand {
  readonly name: string | undefined;
  readonly url: string;
  readonly args: readonly string[];
}

/** iPXE's options of `kernel` and `initrd` that take a value (its `usr/imgmgmt.c`, `hci/commands/image_cmd.c`). */
const WITH_VALUE = /^(?:-n|--name|-t|--timeout)$/;

/**
 * A script with its settings expanded as far as they are known: those that it sets itself, and those of `known`. The
 * others stay as they are written.
 */
export function expand(script: string, known: ValueOf): string {
  const own = new Map<string, string>();
  for (const [, name = '', value = ''] of script.matchAll(/^[ \t]*set[ \t]+([\w.-]+)(?::\w+)?[ \t]+(.*)$/gm))
    own.set(name, value.trim());
  return script.replace(/\$\{([^${}]+)\}/g, (all, setting: string) => {
    const [path = '', type] = setting.split(':');
    return own.get(path) ?? known(path, type) ?? all;
  });
}

/** The commands of this name in an expanded script, in their order. */
export function imageCommands(script: string, command: 'kernel' | 'initrd'): readonly ImageCommand[] {
  const lines = script.matchAll(new RegExp(`^[ \\t]*${command}[ \\t]+(.*)$`, 'gm'));
  return [...lines].map(([, rest = '']) => imageCommand(rest.trim().split(/[ \t]+/)));
}

function imageCommand(words: readonly string[]): ImageCommand {
  let name: string | undefined;
  let at = 0;
  for (; words[at]?.startsWith('-'); at++) {
    const option = words[at] ?? '';
    if (option.startsWith('--name=')) name = option.slice('--name='.length);
    if (!WITH_VALUE.test(option)) continue;
    at++;
    if (/^-n|^--name$/.test(option)) name = words[at];
  }
  const end = words.findIndex((word, i) => i >= at && (word.startsWith('#') || /^(?:\|\||&&|;)$/.test(word)));
  const [url = '', ...args] = words.slice(at, end === -1 ? undefined : end);
  return { name, url, args };
}
