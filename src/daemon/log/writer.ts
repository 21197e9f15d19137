/** What may wait for the log's reader, bytes: some thousands of lines. */
const LIMIT = 1024 * 1024;
/** Milliseconds between two tries to write. */
const RETRY = 50;
/** How long the end of the program waits for a reader that takes nothing, milliseconds. */
const PATIENCE = 1000;

/** Writes some of the bytes without waiting; 0 where there is no room just now. May throw. */
export type WriteNow = (bytes: Uint8Array) => number;

/** Log lines on their way out. */
export interface LogWriter {
  /** Takes a line without its line feed. Never waits, never throws. */
  print(line: string): void;
  /** Writes what waits, as long as the reader takes something now and then. For the end of the program. */
  flush(): void;
}

/**
 * Writes lines without ever waiting for who reads them: those of one turn of the event loop together, as a busy server has
 * very many. What a reader that stands still leaves no room for is dropped and counted.
 * @param dropped the line that says how many were dropped
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

  /** Writes until all is gone or there is no room; false where something is left. */
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
        // A reader that went away is no reason to fall over.
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
