import { flatten, type Outline, type OutlinedOption } from './outline.ts';

/** The shells that words are completed for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A word in single quotes, as all of these shells read it; fish knows `\'` inside them, the others do not. */
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
const flags = ({ long, short }: OutlinedOption) => [long, short].filter((flag) => flag !== undefined);
/** Whether a value's or argument's name says that it is a path. */
const isPath = (name: string) => /^[<[]?(?:file|folder|dir|source|path)/.test(name);

/** The words after which a command's own come, as a pattern of `case`. */
const place = ({ path }: Outline) => quote(path.join(' '));

function bash(program: Outline): string {
  const all = flatten(program);
  const steps = all.flatMap(({ path }) => (path.length === 0 ? [] : [quote(path.join(' '))]));
  const values = all.flatMap((command) =>
    command.options
      .filter(({ value }) => value !== undefined)
      .map((option) => {
        const words = option.choices.join(' ');
        const action = isPath(option.value ?? '') ? 'compopt -o default' : `words=${quote(words)}`;
        const patterns = flags(option).map((flag) => quote(`${command.path.join(' ')} ${flag}`));
        return `    ${patterns.join(' | ')}) ${action} ;;`;
      }),
  );
  const words = all.map((command) => {
    const named = [
      ...command.commands.map(({ path }) => path.at(-1) ?? ''),
      ...command.arguments.flatMap(({ choices }) => choices),
      ...command.options.flatMap(flags),
    ];
    const paths = command.arguments.some(({ name }) => isPath(name)) ? ' compopt -o default ;' : '';
    return `      ${place(command)})${paths} words=${quote(named.join(' '))} ;;`;
  });
  return `# Completion of slipway for bash.
_slipway() {
  local word at='' words='' current=\${COMP_WORDS[COMP_CWORD]}
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${at:+$at }$word" in
    ${steps.join(' | ')}) at=\${at:+$at }$word ;;
    esac
  done
  COMPREPLY=()
  case "$at \${COMP_WORDS[COMP_CWORD-1]}" in
${values.join('\n')}
    *)
      case $at in
${words.join('\n')}
      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _slipway slipway
`;
}

function zsh(program: Outline): string {
  const escaped = (text: string) => text.replace(/[[\]:\\]/g, '\\$&');
  const name = ({ path }: Outline) => ['_slipway', ...path].join('_');
  const action = (label: string, choices: readonly string[]) => {
    if (choices.length > 0) return `:${escaped(label)}:(${choices.join(' ')})`;
    return `:${escaped(label)}:${isPath(label) ? '_files' : ' '}`;
  };
  const functions = flatten(program).map((command) => {
    const options = command.options.flatMap((option) =>
      flags(option).map((flag) => {
        const value = option.value === undefined ? '' : action(option.value.replace(/[<>[\]]/g, ''), option.choices);
        return quote(`${flag}[${escaped(option.description)}]${value}`);
      }),
    );
    const rest = command.arguments.map((each, index) =>
      quote(`${each.variadic ? '*' : index + 1}${action(each.name, each.choices)}`),
    );
    if (command.commands.length === 0) {
      return `${name(command)}() {\n  _arguments -s \\\n    ${[...options, ...rest].join(' \\\n    ')}\n}`;
    }
    const described = command.commands.map(({ path, description }) => {
      return `    ${quote(`${escaped(path.at(-1) ?? '')}:${description}`)}`;
    });
    const cases = command.commands.map((each) => `      ${each.path.at(-1)}) ${name(each)} ;;`);
    return `${name(command)}() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
${described.join('\n')}
  )
  _arguments -C ${options.join(' ')} '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}`;
  });
  return `#compdef slipway\n# Completion of slipway for zsh.\n\n${functions.join('\n\n')}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _slipway "$@"; else compdef _slipway slipway; fi
`;
}

function fish(program: Outline): string {
  const fishQuote = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const lines = flatten(program).flatMap((command) => {
    const at = `complete -c slipway -n ${fishQuote(['__slipway_at', ...command.path].join(' '))}`;
    const within = `complete -c slipway -n ${fishQuote(['__slipway_within', ...command.path].join(' '))}`;
    return [
      ...command.commands.map(({ path, description }) => `${at} -fa ${path.at(-1)} -d ${fishQuote(description)}`),
      ...command.arguments.map(
        ({ name, choices }) => `${within} ${isPath(name) ? '-F' : `-fa ${fishQuote(choices.join(' '))}`}`,
      ),
      ...command.options.map(({ long, short, value, choices, description }) => {
        const names = `-l ${long.slice(2)}${short ? ` -s ${short.slice(1)}` : ''}`;
        const words =
          choices.length > 0
            ? ` -xa ${fishQuote(choices.join(' '))}`
            : value === undefined
              ? ''
              : isPath(value)
                ? ' -rF'
                : ' -x';
        return `${command.commands.length > 0 ? at : within} ${names}${words} -d ${fishQuote(description)}`;
      }),
    ];
  });
  return `# Completion of slipway for fish.
function __slipway_words
    for word in (commandline -opc)[2..]
        string match -q -- '-*' $word; or echo $word
    end
end
function __slipway_at
    test "$(__slipway_words | string join ' ')" = "$argv"
end
function __slipway_within
    set -l words (__slipway_words)
    test (count $words) -ge (count $argv); and test "$words[1..$(count $argv)]" = "$argv"
end
complete -c slipway -f
${lines.join('\n')}
`;
}

/** A shell's completion of the program's words, as a script for it. */
export function completion(shell: Shell, program: Outline): string {
  return { bash, zsh, fish }[shell](program);
}
