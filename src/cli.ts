#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Argument, Command, Option } from 'commander';
import { checkConfig } from './commands/check.ts';
import { CACHE_FOLDER, type NginxOptions, nginxConfig } from './commands/deploy.ts';
import { addImageCommands } from './commands/image-command.ts';
import { printScript } from './commands/script.ts';
import { loadConfig } from './config/load.ts';
import { resolveIdentity } from './identity.ts';
import { formatEvent, type LogFormat } from './log.ts';
import { openLogOutput } from './log-output.ts';
import { createLogWriter } from './log-writer.ts';
import { serve } from './main.ts';
import type { RecordEvent } from './model/event.ts';
import { Unusable } from './unusable.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Writes to standard output; a reader that went away is no reason to fall over. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
const print = (text: string) => void process.stdout.write(text);

/** Ends the command: a message for people on standard error, and exit status 1. */
function fail(error: unknown): void {
  if (error instanceof Unusable) process.stderr.write(`${error.message}\n`);
  else process.stderr.write(`slipway: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function recorder(format: LogFormat, verbose: boolean): RecordEvent {
  const log = createLogWriter(openLogOutput(process.stdout), (count) =>
    formatEvent(format, new Date(), {
      event: 'log.dropped',
      level: 'warn',
      message: `${count} log line(s) were dropped here: whoever reads the log did not take them in time`,
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

const withConfig = (name: string, description: string) =>
  program.command(name).description(description).requiredOption('--config <file>', 'the configuration file (YAML)');

withConfig('serve', 'run the server until SIGTERM or SIGINT')
  .addOption(new Option('--log <format>', 'how log lines look').choices(['text', 'json']).default('text'))
  .option('--verbose', 'log requests too that get no answer, and why')
  .action(async (options: { config: string; log: LogFormat; verbose?: boolean }) => {
    const daemon = await serve(options.config, {
      record: recorder(options.log, options.verbose ?? false),
      now: Date.now,
      monotonic: () => performance.now(),
    });
    let stopping = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        // Whoever asks twice does not want to wait for running downloads.
        if (stopping) process.exit(1);
        stopping = true;
        daemon.stop(signal).then(() => process.exit(0), fail);
      });
    }
  });

withConfig('check', 'validate the configuration; print what each node boots')
  .option('--json', 'print JSON')
  .action(async (options: { config: string; json?: boolean }) => {
    const { text, ok } = await checkConfig(options.config, options.json ?? false);
    print(text);
    if (!ok) process.exitCode = 1;
  });

withConfig('script', 'print the iPXE script of one machine, as it would get it')
  .argument('<mac>', "the machine's MAC address, in any spelling")
  .action(async (mac: string, options: { config: string }) => print(await printScript(options.config, mac)));

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
  .addArgument(new Argument('<program>').choices(['nginx']))
  .option('--cache <folder>', 'where it keeps what it has fetched', CACHE_FOLDER)
  .option('--size <size>', 'what it may keep', '50g')
  .action(async (_program: string, { config, ...options }: { config: string } & NginxOptions) => {
    const loaded = await loadConfig(config);
    if (!loaded.ok) throw new Unusable(loaded.problems);
    print(nginxConfig(loaded.config, resolveIdentity(loaded.config.server), options));
  });

await program.parseAsync().catch(fail);
