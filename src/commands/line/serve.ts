import { formatEvent, type LogFormat } from '../../daemon/log/format.ts';
import { JOURNAL, journalOutput } from '../../daemon/log/journal.ts';
import { openLogOutput } from '../../daemon/log/output.ts';
import { createLogWriter, type WriteNow } from '../../daemon/log/writer.ts';
import { writeListening } from '../../daemon/serving/listening-file.ts';
import { findManager } from '../../daemon/serving/service-manager.ts';
import type { RecordEvent } from '../../model/event.ts';
import { plainMessage } from '../../model/plain-error.ts';
import { openUnixDatagram } from '../../model/sockets/unix-datagram.ts';

/** Options of `slipway serve`. */
export interface ServeOptions {
  readonly config: string;
  readonly log: LogFormat;
  readonly verbose?: boolean;
}

/** @throws Error where the journal's entries cannot be sent */
async function openOutput(format: LogFormat): Promise<WriteNow> {
  return format === 'journal' ? journalOutput(await openUnixDatagram(JOURNAL)) : openLogOutput(process.stdout);
}

async function recorder({ log: format, verbose = false }: ServeOptions): Promise<RecordEvent> {
  const log = createLogWriter(await openOutput(format), (count) =>
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

/**
 * Runs the daemon until SIGTERM or SIGINT, and tells systemd of it. SIGHUP has it read its configuration; from a
 * terminal that is closed, it ends the daemon.
 * @param version that of this program
 * @param fail ends the command with an error
 * @throws ConfigError; Error with the remedy
 */
export async function serveUntilSignal(
  options: ServeOptions,
  version: string,
  fail: (error: unknown) => void,
): Promise<void> {
  // The first process of a container does not end by a signal of itself.
  let stop = (_signal: string): void => process.exit(0);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  const record = await recorder(options);
  const manager = await findManager(process.env, process.pid);
  const { serve } = await import('../../daemon/daemon.ts');
  /** Has "slipway health" know where the daemon answers. */
  const onServing = (http: readonly string[] | undefined) =>
    writeListening(process.env, http).catch((error: Error) => {
      const message = `"slipway health" goes by the configuration: ${plainMessage(error)}`;
      record({ event: 'listening.file', level: 'warn', message });
    });
  const daemon = await serve(options.config, {
    ...{ record, version, now: Date.now, monotonic: () => performance.now() },
    onServing,
  });
  let stopping = false;
  stop = (signal) => {
    // A second signal ends running downloads at once.
    if (stopping) process.exit(1);
    stopping = true;
    manager.stopping();
    daemon
      .stop(signal)
      .then(() => onServing(undefined))
      .then(() => process.exit(0), fail);
  };
  manager.ready(daemon.status());
  process.on('SIGHUP', async () => {
    if (process.stdin.isTTY) return stop('SIGHUP');
    if (stopping) return;
    record({ event: 'reload', level: 'info', message: 'SIGHUP: reading the configuration' });
    manager.reloading();
    await daemon.reload();
    manager.ready(daemon.status());
  });
}
