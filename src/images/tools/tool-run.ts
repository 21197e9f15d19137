import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { confined, type Sees } from './confine.ts';

/** Debian's package of each program that a build runs; Fedora's where it has another name. */
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

/** A program that failed; the message has the end of its output. */
export class ToolFailed extends Error {
  override readonly name = 'ToolFailed';
}

/** Settings of a program's run. */
export interface ToolOptions {
  /** Written to its standard input, at its pace. */
  readonly input?: AsyncIterable<Uint8Array> | undefined;
  /** A descriptor for its standard output, which is then not returned. */
  readonly output?: number | undefined;
  /** Is given its standard output in pieces, which is then not returned. */
  readonly onOutput?: ((chunk: Buffer) => void) | undefined;
  /** A descriptor for its standard input. */
  readonly inputFile?: number | undefined;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Runs it confined, with only these files of the caller: for every program that reads an image's bytes. */
  readonly sees?: Sees | undefined;
  /** The longest time that it may take. */
  readonly seconds?: number | undefined;
  /** The most output, characters. */
  readonly maxOutput?: number | undefined;
  /** Ends the program; the call then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Characters of a program's output that are kept. */
const MAX_KEPT = 64 * 1024;

/** Variables that programs inherit: for their settings, proxies and temporary files. */
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
  /** The version that a program prints, else `unknown`. @throws MissingTool */
  version(tool: string): Promise<string>;
}

/**
 * Makes a runner.
 * @param env the caller's own environment, of which programs inherit a few variables
 * @param signal ends all programs that run
 */
export function createTools(env: Readonly<Record<string, string | undefined>>, signal?: AbortSignal): Tools {
  const inherited = Object.fromEntries(
    INHERITED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  ) as Record<string, string>;
  // Ordinary users of Debian do not have the folder of mkfs in their PATH.
  inherited.PATH = [inherited.PATH, '/usr/sbin', '/sbin'].filter(Boolean).join(':');
  // bubblewrap fails at a folder that this user may not enter.
  const programs = inherited.PATH.split(':').filter((folder) => folder.startsWith('/') && mayEnter(folder));
  const run: Tools['run'] = (tool, args, options = {}) =>
    // One locale, so that messages are the same for every caller.
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
  const { input, inputFile, env, signal } = options;
  signal?.throwIfAborted();
  const [program = tool, ...programArgs] = options.sees
    ? confined(tool, args, options.sees, { env, programs })
    : [tool, ...args];
  const child = spawn(program, programArgs, {
    env: { ...env },
    stdio: [input ? 'pipe' : (inputFile ?? 'ignore'), options.output ?? 'pipe', 'pipe'],
    signal,
  });
  let exceeded: string | undefined;
  const kill = (why: string) => {
    exceeded ??= why;
    child.kill('SIGKILL');
  };
  const { seconds, maxOutput = Number.POSITIVE_INFINITY } = options;
  const timer = seconds && setTimeout(kill, seconds * 1000, `it took more than ${seconds} seconds`);
  let length = 0;
  const output = { out: '', err: '' };
  const listen = (from: 'stdout' | 'stderr', to: 'out' | 'err', max: number) =>
    child[from]?.setEncoding('utf8').on('data', (text: string) => {
      output[to] = (output[to] + text).slice(-max);
      length += text.length;
      if (length > maxOutput) kill(`it said more than ${maxOutput} bytes`);
    });
  if (options.onOutput) child.stdout?.on('data', options.onOutput);
  else listen('stdout', 'out', 16 * MAX_KEPT);
  listen('stderr', 'err', MAX_KEPT);
  const ended = new Promise<{ code: number | null; by: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      // EACCES where a folder of the PATH may not be entered.
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
            // Else the program would take the end of its input for a complete one.
            child.kill('SIGKILL');
          },
        )
      : undefined;
  const { code, by } = await ended.finally(() => clearTimeout(timer));
  await feeding;
  if (exceeded !== undefined) throw new ToolFailed(`${tool} was ended: ${exceeded}`);
  // A program that stops reading reports its own reason: see below.
  const pipeClosed = (broken as NodeJS.ErrnoException | undefined)?.code === 'EPIPE' || by === 'SIGPIPE';
  if (broken !== undefined && !pipeClosed) throw broken;
  if (code !== 0) {
    if (options.sees) checkConfinement(output.err, tool, code);
    const end = (output.err.trim() || output.out.trim()).split('\n').slice(-12).join('\n');
    throw new ToolFailed(`${tool} failed (${code === null ? by : `exit status ${code}`}):\n${end}`);
  }
  return output.out;
}

/** A message of bubblewrap's own. */
const BWRAP = /^bwrap: (.*)$/m;
/** Messages of bubblewrap where namespaces are refused. */
const NAMESPACES = /namespace|Operation not permitted|No permissions|uid map|loopback/;

/** @throws MissingTool, ToolFailed where not the program failed, but its confinement */
function checkConfinement(output: string, tool: string, code: number | null): void {
  if (code === 127 && /^sh: .*bwrap/m.test(output)) throw new MissingTool('bwrap');
  const [, why] = BWRAP.exec(output) ?? [];
  if (why === undefined) return;
  if (/^execvp [^:]*: No such file/.test(why)) throw new MissingTool(tool);
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
    // mkfs.erofs 1.5 has no such option, but its error message begins with its version.
    return /^mkfs\S* [\d.]+/m.exec(error.message.replace(/^.*?\):\n/s, ''))?.[0] ?? 'unknown';
  }
}
