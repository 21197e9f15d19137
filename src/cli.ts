#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { AdoptOptions } from './commands/adopt.ts';
import type { DeployOptions } from './commands/deploy.ts';
import { CONFIG_OPTION, findConfig } from './commands/find-config.ts';
import { addFleetCommands } from './commands/fleet/command.ts';
import { addImageCommands } from './commands/image/command.ts';
import { ConfigError } from './config/config-error.ts';
import { formatEvent, type LogFormat } from './daemon/log/format.ts';
import { openLogOutput } from './daemon/log/output.ts';
import { createLogWriter } from './daemon/log/writer.ts';
import type { BootEvent, RecordEvent } from './model/event.ts';
import { plainMessage } from './model/plain-error.ts';

// Each command imports its libraries when it runs: all of them together take half a second to load.

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Writes to standard output. A reader that went away is not an error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
const print = (text: string) => void process.stdout.write(text);

/** The format of {@link fail}: that of the log. */
let failures: LogFormat = 'text';

/** Ends the command: messages on standard error, and exit status 1. */
function fail(error: unknown): void {
  const message = plainMessage(error);
  if (failures === 'json') {
    const events: BootEvent[] =
      error instanceof ConfigError
        ? error.problems.map((problem) => ({ event: 'config.problem', level: 'error', ...problem }))
        : [{ event: 'fatal', level: 'error', message }];
    for (const event of events) process.stderr.write(`${formatEvent('json', new Date(), event)}\n`);
  } else process.stderr.write(error instanceof ConfigError ? `${message}\n` : `slipway: ${message}\n`);
  process.exitCode = 1;
}

function recorder(format: LogFormat, verbose: boolean): RecordEvent {
  const log = createLogWriter(openLogOutput(process.stdout), (count) =>
    formatEvent(format, new Date(), {
      event: 'log.dropped',
      level: 'warn',
      message: `${count} log line(s) were dropped here: the program that reads the log was too slow`,
      count,
    }),
  );
  process.on('exit', log.flush);
  return (event) => {
    if (verbose || event.level !== 'debug') log.print(formatEvent(format, new Date(), event));
  };
}

const program = new Command('slipway')
  .description('Netboot server: proxyDHCP, TFTP and HTTP; boots machines from container images')
  .version(version)
  .showHelpAfterError('(slipway --help lists the commands)');

const collect = (value: string, before: readonly string[]) => [...before, value];
const withConfig = (name: string, description: string) =>
  program.command(name).description(description).option('--config <file>', CONFIG_OPTION);
program.hook('preAction', (_, command) => {
  const { config, log, server } = command.opts<{ config?: string; log?: LogFormat; server?: string }>();
  failures = log ?? 'text';
  // Whoever names the daemon needs none.
  if (config === undefined && server === undefined) command.setOptionValue('config', findConfig());
});

withConfig('serve', 'run the server until SIGTERM or SIGINT')
  .addOption(new Option('--log <format>', 'how log lines look').choices(['text', 'json']).default('text'))
  .option('--verbose', 'also log requests that get no answer, with the reason')
  .action(async (options: { config: string; log: LogFormat; verbose?: boolean }) => {
    const { serve } = await import('./daemon/daemon.ts');
    const daemon = await serve(options.config, {
      record: recorder(options.log, options.verbose ?? false),
      version,
      now: Date.now,
      monotonic: () => performance.now(),
    });
    let stopping = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        // A second signal ends running downloads at once.
        if (stopping) process.exit(1);
        stopping = true;
        daemon.stop(signal).then(() => process.exit(0), fail);
      });
    }
  });

withConfig('check', 'validate the configuration; print what each node boots')
  .option('--json', 'print JSON')
  .action(async (options: { config: string; json?: boolean }) => {
    const { checkConfig } = await import('./commands/check/check.ts');
    const { text, ok } = await checkConfig(options.config, options.json ?? false);
    print(text);
    if (!ok) process.exitCode = 1;
  });

withConfig('script', 'print the iPXE script of one machine, as it would get it')
  .argument('<mac>', "the machine's MAC address, in any spelling")
  .action(async (mac: string, { config }: { config: string }) => {
    const { printScript } = await import('./commands/script.ts');
    print(await printScript(config, mac));
  });

withConfig('explain', 'say which node and rule a machine gets its settings from, and why no other')
  .argument('<machine>', "a node's name, or a MAC address")
  .option('--fact <name=value>', 'what the machine tells, such as serial=5CG1234; may be repeated', collect, [])
  .option('--json', 'print JSON, as /ipxe/MAC?explain has it')
  .action(async (machine: string, { config, ...options }: { config: string; fact: string[]; json?: boolean }) => {
    const { explainMachine } = await import('./commands/explain.ts');
    print(await explainMachine(config, machine, { json: false, ...options }));
  });

withConfig('configuration', 'print what a node configures itself by, with secrets masked')
  .argument('<node>', "the node's name")
  .argument('[document]', 'user-data, meta-data, vendor-data, network-config or ignition')
  .action(async (node: string, document: string | undefined, { config }: { config: string }) => {
    const { printConfiguration } = await import('./commands/configuration.ts');
    print(await printConfiguration(config, node, document));
  });

withConfig('adopt', 'add a machine to the configuration file, as a node')
  .argument('<mac>', "the machine's MAC address: slipway unknown lists those that have asked")
  .requiredOption('--name <name>', "the node's name")
  .option('--profile <name>', 'its profile')
  .option('--image <name>', 'its image')
  .option('--yes', 'write the change without asking')
  .action(async (mac: string, { config, ...options }: { config: string } & AdoptOptions) => {
    const { adoptMachine } = await import('./commands/adopt.ts');
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
    const { testWebhook } = await import('./commands/check/test-webhook.ts');
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
    const { deployment } = await import('./commands/deploy.ts');
    print(await deployment(config, name, options));
  });

await program.parseAsync().catch(fail);
