import { Argument, Command, Option } from 'commander';
import type { LogFormat } from '../../daemon/log/format.ts';
import { CONFIG_OPTION, findConfig } from '../find-config.ts';
import { addFleetCommands } from '../fleet/command.ts';
import type { HealthOptions } from '../fleet/health.ts';
import { addImageCommands } from '../image/command.ts';
import type { AdoptOptions } from '../setup/adopt.ts';
import type { DeployOptions } from '../setup/deploy.ts';
import type { InitOptions } from '../setup/init/init.ts';
import { completion, SHELLS, type Shell } from './completion.ts';
import type { ServeOptions } from './serve.ts';

// Each command imports its libraries when it runs: all of them together take half a second to load.

/** The surroundings of the command line. */
export interface ProgramOptions {
  readonly version: string;
  /** Writes to standard output. */
  readonly print: (text: string) => void;
  /** Ends the command with an error. */
  readonly fail: (error: unknown) => void;
  /** Called with the format of the log before a command runs: errors have it too. */
  readonly onFormat: (format: LogFormat) => void;
}

/** The whole command line: what runs, and what help, manual pages and completion are made from. */
export function createProgram({ version, print, fail, onFormat }: ProgramOptions): Command {
  const program = new Command('slipway')
    .description('Netboot server: proxyDHCP, TFTP and HTTP; boots machines from container images')
    .version(version)
    .showHelpAfterError('(slipway --help lists the commands)');

  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  const withConfig = (name: string, description: string) =>
    program.command(name).description(description).option('--config <file>', CONFIG_OPTION);
  program.hook('preAction', (_, command) => {
    if (!command.options.some(({ long }) => long === '--config')) return;
    const { config, log, server } = command.opts<{ config?: string; log?: LogFormat; server?: string }>();
    onFormat(log ?? 'text');
    // Whoever names the daemon needs none.
    if (config === undefined && server === undefined) command.setOptionValue('config', findConfig());
  });

  program
    .command('init')
    .description('write a first configuration from what is seen on this machine, with questions on a terminal')
    .option('--file <file>', 'the file to write', './config.yaml')
    .option('--interface <name>', 'an interface to serve; may be repeated', collect)
    .option('--artifacts <folder>', 'the folder of kernels, initrds and roots')
    .option('--no-probe', 'do not ask the network for its DHCP servers, which needs root')
    .option('--yes', 'ask nothing')
    .option('--force', 'replace a file that is there')
    .action(async (options: InitOptions) => {
      const { initConfig } = await import('../setup/init/init.ts');
      const terminal = { input: process.stdin, output: process.stderr };
      if (!(await initConfig(options, print, terminal))) process.exitCode = 1;
    });

  withConfig('serve', 'run the server until SIGTERM or SIGINT; SIGHUP has it read its configuration')
    .addOption(
      new Option('--log <format>', 'how log lines look; journal: entries with fields, for systemd')
        .choices(['text', 'json', 'journal'])
        .default('text'),
    )
    .option('--verbose', 'also log requests that get no answer, with the reason')
    .action(async (options: ServeOptions) => {
      const { serveUntilSignal } = await import('./serve.ts');
      await serveUntilSignal(options, version, fail);
    });

  withConfig('health', 'ask the daemon whether it answers, within five seconds; for the health check of a container')
    .addOption(new Option('--server <url>', 'the daemon (default: the one of this machine)'))
    .action(async (options: HealthOptions) => {
      const { checkHealth } = await import('../fleet/health.ts');
      print(await checkHealth(options, process.env));
    });

  withConfig('check', 'validate the configuration; print what each node boots')
    .option('--json', 'print JSON')
    .action(async (options: { config: string; json?: boolean }) => {
      const { checkConfig } = await import('../check/check.ts');
      const { text, ok } = await checkConfig(options.config, options.json ?? false);
      print(text);
      if (!ok) process.exitCode = 1;
    });

  withConfig('script', 'print the iPXE script of one machine, as it would get it')
    .argument('<mac>', "the machine's MAC address, in any spelling")
    .action(async (mac: string, { config }: { config: string }) => {
      const { printScript } = await import('../script.ts');
      print(await printScript(config, mac));
    });

  withConfig('explain', 'say which node and rule a machine gets its settings from, and why no other')
    .argument('<machine>', "a node's name, or a MAC address")
    .option('--fact <name=value>', 'what the machine tells, such as serial=5CG1234; may be repeated', collect, [])
    .option('--json', 'print JSON, as /ipxe/MAC?explain has it')
    .action(async (machine: string, { config, ...options }: { config: string; fact: string[]; json?: boolean }) => {
      const { explainMachine } = await import('../explain.ts');
      print(await explainMachine(config, machine, { json: false, ...options }));
    });

  withConfig('configuration', 'print what a node configures itself by, with secrets masked')
    .argument('<node>', "the node's name")
    .argument('[document]', 'user-data, meta-data, vendor-data, network-config or ignition')
    .action(async (node: string, document: string | undefined, { config }: { config: string }) => {
      const { printConfiguration } = await import('../configuration.ts');
      print(await printConfiguration(config, node, document));
    });

  withConfig('adopt', 'add a machine to the configuration file, as a node')
    .argument('<mac>', "the machine's MAC address: slipway unknown lists those that have asked")
    .requiredOption('--name <name>', "the node's name")
    .option('--profile <name>', 'its profile')
    .option('--image <name>', 'its image')
    .option('--yes', 'write the change without asking')
    .action(async (mac: string, { config, ...options }: { config: string } & AdoptOptions) => {
      const { adoptMachine } = await import('../setup/adopt.ts');
      const terminal = { input: process.stdin, output: process.stderr };
      if (!(await adoptMachine(config, mac, options, print, terminal))) process.exitCode = 1;
    });

  program
    .command('webhook')
    .description('receivers of events')
    .command('test')
    .description('send a test event to a webhook of the configuration, and say whether it was taken')
    .option('--config <file>', CONFIG_OPTION)
    .argument('<name>', "the webhook's name")
    .action(async (name: string, { config }: { config: string }) => {
      const { testWebhook } = await import('../check/test-webhook.ts');
      print(await testWebhook(config, name));
    });

  addFleetCommands(program, { print, now: Date.now });
  addImageCommands(program, {
    print,
    note: (text) => void process.stderr.write(text),
    terminal: process.stderr.isTTY ?? false,
    env: process.env,
    now: Date.now,
    monotonic: () => performance.now(),
    onEnd: (callBack) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => callBack(signal));
    },
  });
  withConfig('deploy', 'print the configuration of a program in front of the server')
    .argument('<program>', 'nginx')
    .option('--cache <folder>', 'where it keeps what it has fetched (default: /var/cache/slipway-nginx)')
    .option('--size <size>', 'what it may keep (default: 50g)')
    .action(async (name: string, { config, ...options }: { config: string } & DeployOptions) => {
      const { deployment } = await import('../setup/deploy.ts');
      print(await deployment(config, name, options));
    });

  program
    .command('completion')
    .description('print what completes the words of this command in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action(async (shell: Shell) => {
      const { outline } = await import('./outline.ts');
      print(completion(shell, outline(program)));
    });

  return program;
}
