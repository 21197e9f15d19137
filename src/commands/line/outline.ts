import type { Command } from 'commander';

/** An option of a command. */
export interface OutlinedOption {
  readonly long: string;
  readonly short: string | undefined;
  /** The name of its value, `<file>`; undefined where it takes none. */
  readonly value: string | undefined;
  readonly choices: readonly string[];
  readonly description: string;
  readonly mandatory: boolean;
}

/** An argument of a command. */
export interface OutlinedArgument {
  readonly name: string;
  readonly description: string;
  readonly choices: readonly string[];
  readonly required: boolean;
  readonly variadic: boolean;
}

/** A command as data: what its help shows. */
export interface Outline {
  /** The words after `slipway`; none for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly options: readonly OutlinedOption[];
  readonly arguments: readonly OutlinedArgument[];
  readonly commands: readonly Outline[];
}

/** The outline of a command and those below it, from the source of its help. */
export function outline(command: Command, path: readonly string[] = []): Outline {
  const help = command.createHelp();
  return {
    path,
    description: command.description(),
    options: help.visibleOptions(command).map((option) => ({
      long: option.long ?? '',
      short: option.short,
      value: /[<[].*[>\]]$/.exec(option.flags)?.[0],
      choices: option.argChoices ?? [],
      description: option.description,
      mandatory: option.mandatory,
    })),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
      choices: argument.argChoices ?? [],
      required: argument.required,
      variadic: argument.variadic,
    })),
    commands: command.commands
      .filter((each) => each.name() !== 'help')
      .map((each) => outline(each, [...path, each.name()])),
  };
}

/** A command and all below it. */
export function flatten(command: Outline): readonly Outline[] {
  return [command, ...command.commands.flatMap(flatten)];
}
