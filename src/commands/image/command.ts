import { type Command, Option } from 'commander';
import { CONFIG_OPTION } from '../find-config.ts';
import { BUILD_FLAGS, type BuildFlags } from './build-flags.ts';

/** The command line's surroundings that the commands on images use. */
export interface ImageCommandOptions {
  readonly print: (text: string) => void;
  /** Writes to standard error, where progress is shown. */
  readonly note: (text: string) => void;
  /** True where {@link note} writes to a terminal. */
  readonly terminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** Calls back once, with the signal's name, on SIGTERM or SIGINT. */
  readonly onEnd: (callBack: (signal: string) => void) => void;
}

/** Flags that several of the commands have. */
interface Flags {
  readonly config: string;
  readonly json?: boolean;
  readonly force?: boolean;
  readonly quiet?: boolean;
}

/** Adds `slipway image build | ls | show | rm | gc`. */
export function addImageCommands(program: Command, options: ImageCommandOptions): void {
  const { print, note, terminal, env, now, monotonic, onEnd } = options;
  // Imported when one of them runs.
  const list = () => import('./list.ts');
  const image = program.command('image').description('make what nodes boot from container images');
  const add = (name: string, description: string) =>
    image.command(name).description(description).option('--config <file>', CONFIG_OPTION);

  const build = add('build', 'make kernel, initrd and root from a container image, as an ordinary user').argument(
    '<source>',
    'docker://…, oci:DIR, oci-archive:FILE, docker-archive:FILE, dir:DIR, or a tar archive',
  );
  for (const [name, [value, help, read]] of Object.entries(BUILD_FLAGS)) {
    const flag = new Option(`--${name} ${value}`.trim(), help).argParser((text) => read(text));
    build.addOption(flag.makeOptionMandatory(name === 'name'));
  }
  build
    .option('--quiet', 'show no progress')
    .option('--json', 'print JSON')
    .action(async (source: string, { quiet, ...flags }: BuildFlags & Flags) => {
      const { NO_PROGRESS, showProgress } = await import('../../images/tools/progress.ts');
      const { createTools } = await import('../../images/tools/tool-run.ts');
      const { imageBuild } = await import('./build.ts');
      const ending = new AbortController();
      onEnd((signal) => ending.abort(new Error(`ended by ${signal}; no image was changed`)));
      const progress = quiet ? NO_PROGRESS : showProgress({ print: note, terminal, monotonic });
      const tools = createTools(env, ending.signal);
      print(await imageBuild(source, flags, env.SOURCE_DATE_EPOCH, { tools, progress, now, signal: ending.signal }));
    });

  add('ls', 'list the images that were built')
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => print(await (await list()).imageLs(flags)));

  add('show', 'print all that is known of an image')
    .argument('<name>', 'its name')
    .option('--json', 'print JSON')
    .action(async (name: string, flags: Flags) => print(await (await list()).imageShow(name, flags)));

  add('rm', 'remove an image; nodes that are booting from it are not disturbed')
    .argument('<name>', 'its name')
    .option('--force', 'remove it though the configuration has nodes that boot from it')
    .action(async (name: string, flags: Flags) => print(await (await list()).imageRm(name, flags, now())));

  add('gc', 'free the space of what no image is made of any more')
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => print(await (await list()).imageGc(flags, now())));
}
