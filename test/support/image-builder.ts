import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOP } from './lab.ts';
import { type Finished, must, type Running, start } from './process.ts';

/** Debian's "nobody": owns no file, and is in no group. */
const NOBODY = 65_534;

/** A folder of an ordinary user's own, with a configuration, in which `slipway image` runs as that user. */
export interface Builder {
  readonly folder: string;
  readonly artifacts: string;
  /** Starts `slipway image` with a configuration; `env` is added to the environment. */
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Running;
  /** @param before a program, run as root, that runs it */
  run(args: readonly string[], env?: Readonly<Record<string, string>>, before?: readonly string[]): Promise<Finished>;
  /** Runs it; it must succeed. Gives its standard output. */
  must(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
  destroy(): Promise<void>;
}

/**
 * Makes such a folder. Needs root, to become somebody else, and `npm run build`.
 * @param images the configuration's images and nodes, YAML
 */
export async function createBuilder(images = ''): Promise<Builder> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-builder-'));
  const artifacts = join(folder, 'artifacts');
  await mkdir(artifacts);
  await writeFile(join(folder, 'config.yaml'), `artifacts: ./artifacts\n${images}`);
  await chmod(folder, 0o755);
  for (const path of [folder, artifacts]) await chown(path, NOBODY, NOBODY);
  const command = (args: readonly string[]) => [
    ...['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', '--inh-caps=-all', '--no-new-privs'],
    ...['--', process.execPath, join(TOP, 'dist/cli.js'), 'image', ...args],
    ...['--config', join(folder, 'config.yaml')],
  ];
  const options = (env: Readonly<Record<string, string>> = {}) => ({
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
  });
  return {
    folder,
    artifacts,
    start: (args, env) => start('/usr/bin/setpriv', command(args), options(env)),
    run: (args, env, before = []) => {
      const [program = '', ...rest] = [...before, '/usr/bin/setpriv', ...command(args)];
      return start(program, rest, options(env)).exit;
    },
    must: (args, env) => must('/usr/bin/setpriv', command(args), options(env)),
    destroy: () => rm(folder, { recursive: true, force: true }),
  };
}
