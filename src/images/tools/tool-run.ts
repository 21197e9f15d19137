import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { confined, type Sees } from './confine.ts';

/** Debian's package of each program that building calls, for who lacks one; Fedora's where it has another name. */
const PACKAGES: Readonly<Record<string, string>> = {
  skopeo: 'skopeo',
  gzip: 'gzip',
  bzip2: 'bzip2',
  xz: 'xz-utils (Fedora: xz)',
  lzma: 'xz-utils (Fedora: xz)',
  zstd: 'zstd',
  tar: 'tar',
  sqfstar: 'squashfs-tools, version 4.5 or newer',
  mksquashfs: 'squashfs-tools',
  'mkfs.erofs': 'erofs-utils',
  fakeroot: 'fakeroot',
  setfattr: 'attr',
  bwrap: 'bubblewrap',
  sfdisk: 'fdisk (Fedora: util-linux)',
  'mkfs.vfat': 'dosfstools',
  mmd: 'mtools',
  mcopy: 'mtools',
};

/** A program that is not installed. */
export class MissingTool extends Error {
  override readonly name = 'MissingTool';

  constructor(tool: string) {
    super(`${tool} is missing: install Debian's package ${PACKAGES[tool] ?? tool}`);
  }
}

/** A program that failed; the message has the end of what it said. */
export class ToolFailed extends Error {
  override readonly name = 'ToolFailed';
}

/** How a program is run. */
export interface ToolOptions {
  /** Written to its standard input, at its pace. */
  readonly input?: AsyncIterable<Uint8Array> | undefined;
  /** A descriptor that its standard output goes to, instead of what {@link runTool} returns. */
  readonly output?: number | undefined;
  /** A descriptor that its standard input comes from. */
  readonly inputFile?: number | undefined;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Runs it confined, with nothing but this of the caller's files: for all that reads an image's bytes. */
  readonly sees?: Sees | undefined;
  /** The most time that it may take. */
  readonly seconds?: number | undefined;
  /** The most that it may say, bytes. */
  readonly maxOutput?: number | undefined;
  /** Ends the program too; the call then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The most of a program's words that are kept, characters. */
const MOST_WORDS = 64 * 1024;

/** Variables that programs get from the caller: to find their settings, their proxy, and room for temporary files. */
const INHERITED = [
  ...['PATH', 'HOME', 'USER', 'XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'TMPDIR', 'REGISTRY_AUTH_FILE', 'SSL_CERT_DIR'],
  ...['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE'],
];

/** Runs other programs. */
export interface Tools {
  /**
   * Runs a program to its end, without a shell.
   * @returns what it wrote to standard output
   * @throws MissingTool, ToolFailed; an AbortError where the signal came
   */
  run(tool: string, args: readonly string[], options?: ToolOptions): Promise<string>;
  /** What a program says of its version; `unknown` where it says nothing. */
  version(tool: string): Promise<string>;
}

/**
 * Makes a runner.
 * @param env the caller's own environment, of which programs see only what they need
 * @param signal ends all programs that run
 */
export function createTools(env: Readonly<Record<string, string | undefined>>, signal?: AbortSignal): Tools {
  const inherited = Object.fromEntries(
    INHERITED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  ) as Record<string, string>;
  // Debian keeps what makes file systems from the PATH of ordinary users.
  inherited.PATH = [inherited.PATH, '/usr/sbin', '/sbin'].filter(Boolean).join(':');
  // bubblewrap fails at a folder that this user may not enter.
  const programs = inherited.PATH.split(':').filter((folder) => folder.startsWith('/') && mayEnter(folder));
  const run: Tools['run'] = (tool, args, options = {}) =>
    // No locale of the caller's own, so that every message is the same everywhere.
    runTool(tool, args, programs, {
      ...options,
      env: { ...inherited, LC_ALL: 'C.UTF-8', ...options.env },
      signal: AbortSignal.any([signal, options.signal].filter((each) => each !== undefined)),
    });
  return { run, version: (tool) => toolVersion(tool, run) };
}

function mayEnter(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function runTool(
  tool: string,
  args: readonly string[],
  programs: readonly string[],
  options: ToolOptions,
): Promise<string> {
  const { input, output, inputFile, env, signal } = options;
  signal?.throwIfAborted();
  const [program = tool, ...programArgs] = options.sees
    ? confined(tool, args, options.sees, { env, programs })
    : [tool, ...args];
  const child = spawn(program, programArgs, {
    env: { ...env },
    stdio: [input ? 'pipe' : (inputFile ?? 'ignore'), output ?? 'pipe', 'pipe'],
    signal,
  });
  let exceeded: string | undefined;
  const end = (why: string) => {
    exceeded ??= why;
    child.kill('SIGKILL');
  };
  const { seconds, maxOutput = Number.POSITIVE_INFINITY } = options;
  const timer = seconds && setTimeout(end, seconds * 1000, `it took more than ${seconds} seconds`);
  let said = 0;
  const words = { out: '', err: '' };
  const listen = (from: 'stdout' | 'stderr', to: 'out' | 'err', most: number) =>
    child[from]?.setEncoding('utf8').on('data', (text: string) => {
      words[to] = (words[to] + text).slice(-most);
      said += text.length;
      if (said > maxOutput) end(`it said more than ${maxOutput} bytes`);
    });
  listen('stdout', 'out', 16 * MOST_WORDS);
  listen('stderr', 'err', MOST_WORDS);
  const ended = new Promise<{ code: number | null; by: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      // A folder of the PATH that may not be entered makes EACCES of it.
      if (error.code !== 'ENOENT' && error.code !== 'EACCES') reject(error);
      else reject(new MissingTool(program));
    });
    child.once('close', (code, by) => resolve({ code, by }));
  });
  let broken: unknown;
  const feeding =
    input && child.stdin
      ? pipeline(Readable.from(input, { objectMode: false, highWaterMark: 1024 * 1024 }), child.stdin).catch(
          (error) => {
            broken = error;
            // Without this the program would take what it has for all there is.
            child.kill('SIGKILL');
          },
        )
      : undefined;
  const { code, by } = await ended.finally(() => clearTimeout(timer));
  await feeding;
  if (exceeded !== undefined) throw new ToolFailed(`${tool} was ended: ${exceeded}`);
  // A program that stops reading has its own reason, which is told below.
  const pipeClosed = (broken as NodeJS.ErrnoException | undefined)?.code === 'EPIPE' || by === 'SIGPIPE';
  if (broken !== undefined && !pipeClosed) throw broken;
  if (code !== 0) {
    if (options.sees) refusedConfinement(words.err, tool, code);
    const said = (words.err.trim() || words.out.trim()).split('\n').slice(-12).join('\n');
    throw new ToolFailed(`${tool} failed (${code === null ? by : `exit status ${code}`}):\n${said}`);
  }
  return words.out;
}

/** bubblewrap's own words, and those of what it was to start. */
const BWRAP = /^bwrap: (.*)$/m;
const NAMESPACES = /namespace|Operation not permitted|No permissions|uid map|loopback/;

/** Throws where it was not the program that failed, but its confinement. */
function refusedConfinement(said: string, tool: string, code: number | null): void {
  if (code === 127 && /^sh: .*bwrap/m.test(said)) {
    throw new MissingTool('bwrap');
  }
  const [, why] = BWRAP.exec(said) ?? [];
  if (why === undefined) return;
  if (/^execvp [^:]*: No such file/.test(why)) {
    throw new MissingTool(tool);
  }
  if (!NAMESPACES.test(why)) return;
  throw new ToolFailed(
    `${tool} is run by bubblewrap in user namespaces, which this machine refuses (${why}): allow them with "sysctl ` +
      'kernel.unprivileged_userns_clone=1" (Debian), "sysctl kernel.apparmor_restrict_unprivileged_userns=0" (Ubuntu) ' +
      'or "sysctl user.max_user_namespaces=10000"; in a container, let it have namespaces and a /proc of its own',
  );
}

async function toolVersion(tool: string, run: Tools['run']): Promise<string> {
  const option = ['sqfstar', 'mksquashfs'].includes(tool) ? '-version' : tool === 'mkfs.erofs' ? '-V' : '--version';
  try {
    return (await run(tool, [option])).split('\n')[0]?.trim() || 'unknown';
  } catch (error) {
    if (!(error instanceof ToolFailed)) throw error;
    // mkfs.erofs 1.5 knows no such option, but begins what it says with its version.
    return /^mkfs\S* [\d.]+/m.exec(error.message.replace(/^.*?\):\n/s, ''))?.[0] ?? 'unknown';
  }
}
