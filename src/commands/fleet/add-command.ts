import { type Command, Option } from 'commander';
import { CONFIG_OPTION } from '../find-config.ts';
import type { ApiClient } from './client.ts';

/** The flags of all commands. */
export interface Flags {
  readonly config: string;
  readonly server?: string;
  readonly json?: boolean;
}

type Run<F extends Flags> = (flags: F, api: ApiClient, names: readonly (string | undefined)[]) => Promise<void>;

/** Adds a command that asks the daemon. */
export type AddCommand = <F extends Flags>(name: string, description: string, run: Run<F>) => Command;

/** Adds commands that ask the daemon: their libraries are loaded when one of them runs. */
export function adding(program: Command): AddCommand {
  return (name, description, run) =>
    program
      .command(name)
      .description(description)
      .option('--config <file>', CONFIG_OPTION)
      .addOption(new Option('--server <url>', 'the daemon (default: the one of the configuration)'))
      .option('--json', 'print JSON')
      .action(async (...given: unknown[]) => {
        // The names, the flags, the command.
        const flags = given.at(-2) as Parameters<typeof run>[0];
        const { apiClient, daemonUrl, tokenOf } = await import('./client.ts');
        const url = flags.server ?? (await daemonUrl(flags.config));
        await run(
          flags,
          apiClient(url, () => tokenOf(flags.config)),
          given.slice(0, -2) as readonly string[],
        );
      });
}
