/** What a build is at. */
export type Stage =
  | 'fetch'
  | 'unpack'
  | 'index'
  | 'kernel'
  | 'initrd'
  | 'squashfs'
  | 'erofs'
  | 'tar.zst'
  | 'oci'
  | 'uki'
  | 'esp'
  | 'disk'
  | 'finish';

/** Told of a build's progress; never throws, never waits. */
export interface Progress {
  /**
   * A stage begins.
   * @param total bytes that will go by, where that is known
   */
  begin(stage: Stage, what: string, total?: number): void;
  /** Bytes that went by since the last call. */
  advance(bytes: number): void;
  /** The stage is over. */
  end(): void;
}

/** Where progress is shown, and by what clock. */
export interface ProgressOptions {
  readonly print: (text: string) => void;
  /** Whether a line can be written over. */
  readonly terminal: boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** Bytes for people: `12 kB`, `3.4 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

const WIDTH = 24;

function bar(done: number, total: number): string {
  const filled = Math.min(WIDTH, Math.round((WIDTH * done) / Math.max(1, total)));
  return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}]`;
}

/** Shows nothing. */
export const NO_PROGRESS: Progress = { begin: () => {}, advance: () => {}, end: () => {} };

/** Shows each stage with bytes and rate: as a bar that moves on a terminal, as one line when it is over elsewhere. */
export function showProgress({ print, terminal, monotonic }: ProgressOptions): Progress {
  let current: { readonly what: string; readonly total: number | undefined; readonly since: number } | undefined;
  let done = 0;
  let shown = 0;
  const rate = (seconds: number) => (done > 0 && seconds > 0.05 ? `, ${formatBytes(done / seconds)}/s` : '');
  const draw = () => {
    if (!current) return;
    const seconds = (monotonic() - current.since) / 1000;
    const { what, total } = current;
    const many = done === 0 ? '' : ` ${formatBytes(done)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`;
    print(`\r\x1b[K${what}${total === undefined ? '' : ` ${bar(done, total)}`}${many}${rate(seconds)}`);
  };
  return {
    begin: (_, what, total) => {
      current = { what, total, since: monotonic() };
      done = 0;
      shown = monotonic();
      if (terminal) draw();
    },
    advance: (bytes) => {
      done += bytes;
      if (!terminal || monotonic() - shown < 100) return;
      shown = monotonic();
      draw();
    },
    end: () => {
      if (!current) return;
      const seconds = (monotonic() - current.since) / 1000;
      const many = done === 0 ? '' : `, ${formatBytes(done)}${rate(seconds)}`;
      print(`${terminal ? '\r\x1b[K' : ''}${current.what}: ${seconds.toFixed(1)} s${many}\n`);
      current = undefined;
    },
  };
}
