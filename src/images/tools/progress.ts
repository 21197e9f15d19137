/** Counts bytes that went by since the last call. */
export type Advance = (bytes: number) => void;

/** Shows how far a build is; never throws, never waits. */
export interface Progress {
  /**
   * Runs one stage of the build.
   * @param title such as `writing root.oci`
   * @param total bytes that will go by; undefined where that is not known
   */
  stage<T>(title: string, total: number | undefined, work: (advance: Advance) => Promise<T>): Promise<T>;
}

/** Settings of {@link showProgress}. */
export interface ProgressOptions {
  readonly print: (text: string) => void;
  /** True where a line can be written over. */
  readonly terminal: boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** The same bytes; each chunk is counted when its reader has come back for the next one. */
export async function* counted(bytes: AsyncIterable<Uint8Array>, advance: Advance): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    yield chunk;
    advance(chunk.length);
  }
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
export const NO_PROGRESS: Progress = { stage: (_title, _total, work) => work(() => {}) };

/** Shows each stage with bytes and rate: as a moving bar on a terminal, elsewhere as one line at the stage's end. */
export function showProgress({ print, terminal, monotonic }: ProgressOptions): Progress {
  return {
    async stage(title, total, work) {
      const began = monotonic();
      let done = 0;
      let shown = began;
      const seconds = () => (monotonic() - began) / 1000;
      const rate = () => (done > 0 && seconds() > 0.05 ? `, ${formatBytes(done / seconds())}/s` : '');
      const draw = () => {
        const size = done === 0 ? '' : ` ${formatBytes(done)}${total === undefined ? '' : ` of ${formatBytes(total)}`}`;
        print(`\r\x1b[K${title}${total === undefined ? '' : ` ${bar(done, total)}`}${size}${rate()}`);
      };
      if (terminal) draw();
      const result = await work((bytes) => {
        done += bytes;
        if (!terminal || monotonic() - shown < 100) return;
        shown = monotonic();
        draw();
      });
      const size = done === 0 ? '' : `, ${formatBytes(done)}${rate()}`;
      print(`${terminal ? '\r\x1b[K' : ''}${title}: ${seconds().toFixed(1)} s${size}\n`);
      return result;
    },
  };
}
