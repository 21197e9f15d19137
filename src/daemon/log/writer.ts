/** Most text that waits for the log's reader, bytes: some thousands of lines. */
const LIMIT = 1024 * 1024;
/** Milliseconds between two tries to write. */
const RETRY = 50;
/** Milliseconds for which the program's end waits for a reader that takes nothing. */
const PATIENCE = 1000;

/** Writes some of the bytes without waiting and returns their number; 0 if there is no room now. May throw. */
export type WriteNow = (bytes: Uint8Array) => number;

/** A queue of log lines. */
export interface LogWriter {
  /** Takes a line without its line feed. Never waits, never throws. */
  print(line: string): void;
  /** Writes all waiting lines, unless the reader stops reading. For the end of the program. */
  flush(): void;
}

/**
 * Writes log lines without waiting for the reader. The lines of one turn of the event loop are written together,
 * because a busy server has very many. If the reader does not keep up, lines are dropped and counted.
 * @param dropped makes the line that says how many were dropped
 */
export function createLogWriter(
  write: WriteNow,
  dropped: (count: number) => string,
  { limit = LIMIT, patienceMs = PATIENCE }: { readonly limit?: number; readonly patienceMs?: number } = {},
): LogWriter {
  let lines: string[] = [];
  /** Characters in them. */
  let waiting = 0;
  let current: Uint8Array = new Uint8Array();
  let lost = 0;
  let planned = false;
  let closed = false;

  const push = (line: string) => {
    lines.push(line);
    waiting += line.length + 1;
  };
  const tellLost = () => {
    if (lost > 0) push(dropped(lost));
    lost = 0;
  };

  /** Writes until all is written or there is no room; false if something is left. */
  const pump = (): boolean => {
    for (;;) {
      if (current.length === 0) {
        if (lines.length === 0) tellLost();
        if (lines.length === 0) return true;
        current = Buffer.from(`${lines.join('\n')}\n`);
        lines = [];
        waiting = 0;
      }
      try {
        const count = write(current);
        if (count === 0) return false;
        current = current.subarray(count);
      } catch (error) {
        // The reader has gone: the program goes on without a log.
        closed = (error as NodeJS.ErrnoException).code === 'EPIPE';
        lost += current.filter((byte) => byte === 0x0a).length;
        current = new Uint8Array();
        return closed;
      }
    }
  };

  const run = () => {
    planned = false;
    if (closed || pump()) return;
    planned = true;
    setTimeout(run, RETRY).unref();
  };

  return {
    print(line) {
      if (closed) return;
      if (current.length + waiting + line.length > limit) {
        lost++;
        return;
      }
      tellLost();
      push(line);
      if (planned) return;
      planned = true;
      setImmediate(run);
    },
    flush() {
      let [since, left] = [Date.now(), -1];
      const pause = new Int32Array(new SharedArrayBuffer(4));
      while (!closed && !pump() && Date.now() - since < patienceMs) {
        if (current.length !== left) [since, left] = [Date.now(), current.length];
        Atomics.wait(pause, 0, 0, 5);
      }
    },
  };
}
