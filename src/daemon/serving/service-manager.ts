import { openUnixDatagram, type UnixDatagram } from '../../model/sockets/unix-datagram.ts';

/** Tells systemd what the daemon does (sd_notify(3)). Does nothing where nobody asked for it. */
export interface ServiceManager {
  /** The daemon serves. */
  ready(status: string): void;
  /** The configuration is being read; {@link ready} ends it. */
  reloading(): void;
  stopping(): void;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * How often to tell that the event loop turns, milliseconds: half of what systemd waits. Undefined without a watchdog
 * of this process.
 * @param pid of this process
 */
export function watchdogEvery({ WATCHDOG_USEC, WATCHDOG_PID }: Env, pid: number): number | undefined {
  const limit = Number(WATCHDOG_USEC);
  if (!(limit > 0) || (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== pid)) return undefined;
  return Math.max(1, Math.floor(limit / 2000));
}

/**
 * @param every milliseconds between two signs of life; undefined where none are waited for
 * @param monotonic milliseconds of CLOCK_MONOTONIC
 */
export function tellManager(
  socket: UnixDatagram | undefined,
  every: number | undefined,
  monotonic: () => number,
): ServiceManager {
  const tell = (...lines: readonly string[]) => void socket?.send(Buffer.from(lines.join('\n')));
  if (socket !== undefined && every !== undefined) setInterval(() => tell('WATCHDOG=1'), every).unref();
  return {
    ready: (status) => tell('READY=1', `STATUS=${status.replaceAll('\n', ' ')}`),
    reloading: () => tell('RELOADING=1', `MONOTONIC_USEC=${Math.floor(monotonic() * 1000)}`),
    // The watchdog is told on: the end of downloads is waited for.
    stopping: () => tell('STOPPING=1'),
  };
}

/**
 * The manager that started this process, by its variables.
 * @throws Error where it waits for word that cannot be sent
 */
export async function findManager(env: Env, pid: number): Promise<ServiceManager> {
  const { NOTIFY_SOCKET } = env;
  const socket = NOTIFY_SOCKET
    ? await openUnixDatagram(NOTIFY_SOCKET).catch((cause: Error) => {
        throw new Error(`systemd waits for word (Type=notify), which needs the package koffi: ${cause.message}`, {
          cause,
        });
      })
    : undefined;
  return tellManager(socket, watchdogEvery(env, pid), () => Number(process.hrtime.bigint() / 1000n) / 1000);
}
