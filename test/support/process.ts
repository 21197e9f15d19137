import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

/** What a finished command left behind. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link start}. */
export interface StartOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to the process's standard input, which is then closed. */
  readonly input?: string;
  /** Whether its standard input stays open, for {@link Running.type}. */
  readonly keyboard?: boolean;
  /** Where a copy of everything that it prints goes. */
  readonly log?: string;
}

/** A running process whose output can be waited for. */
export class Running {
  readonly exit: Promise<Finished>;
  private text = { stdout: '', stderr: '' };
  private ended: Finished | undefined;
  private readonly listeners = new Set<() => void>();

  readonly child: ChildProcess;
  private readonly title: string;

  constructor(child: ChildProcess, title: string, log?: string) {
    this.child = child;
    this.title = title;
    const copy = log === undefined ? undefined : createWriteStream(log, { flags: 'a' });
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (chunk: string) => {
        this.text[stream] += chunk;
        copy?.write(chunk);
        for (const listener of this.listeners) listener();
      });
    }
    this.exit = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null, error = '') => {
        this.ended ??= { code, signal, stdout: this.text.stdout, stderr: this.text.stderr + error };
        copy?.end();
        resolve(this.ended);
        for (const listener of this.listeners) listener();
      };
      child.once('error', (error) => end(null, null, String(error)));
      child.once('close', (code, signal) => end(code, signal));
    });
  }

  /** All that it has printed so far, both streams. */
  get output(): string {
    return this.text.stdout + this.text.stderr;
  }

  /**
   * Waits until the output matches.
   * @param seconds a last resort against hanging, not an expectation
   * @throws with the output's end if the process ends or the time runs out first
   */
  until(pattern: RegExp, seconds = 60): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.listeners.delete(look);
        settle();
      };
      const fail = (why: string) =>
        finish(() => reject(new Error(`${this.title}: ${why} before ${pattern}\n${this.output.slice(-4000)}`)));
      const look = () => {
        const match = this.text.stdout.match(pattern) ?? this.text.stderr.match(pattern);
        if (match) finish(() => resolve(match));
        else if (this.ended) fail(`ended with ${this.ended.code ?? this.ended.signal}`);
      };
      const timer = setTimeout(() => fail(`${seconds} s passed`), seconds * 1000);
      this.listeners.add(look);
      look();
    });
  }

  /** Writes to its standard input. */
  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Ends the process if it still runs, and waits for its end. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    if (!this.ended) this.child.kill(signal);
    return this.exit;
  }
}

/** Starts a program without a shell. */
export function start(command: string, args: readonly string[], options: StartOptions = {}): Running {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: [options.input === undefined && !options.keyboard ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  // A program that ends without reading its input is no failure of the test.
  child.stdin?.on('error', () => {});
  if (!options.keyboard) child.stdin?.end(options.input);
  return new Running(child, [command, ...args].join(' '), options.log);
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], options: StartOptions = {}): Promise<Finished> {
  return start(command, args, options).exit;
}

/**
 * Runs a program that must succeed.
 * @returns its standard output
 * @throws with its output if it does not exit with 0
 */
export async function must(command: string, args: readonly string[], options: StartOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await run(command, args, options);
  if (code !== 0) {
    throw new Error(`${[command, ...args].join(' ')}: exit ${code ?? signal}\n${stdout}${stderr}`.slice(-8000));
  }
  return stdout;
}
