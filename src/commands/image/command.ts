import type { Command } from 'commander';
import { CONFIG_OPTION } from '../find-config.ts';

/** What the commands on images take from outside. */
export interface ImageCommandOptions {
  readonly print: (text: string) => void;
  /** Writes to standard error, where progress is shown. */
  readonly note: (text: string) => void;
  /** Whether what {@link note} writes is seen on a terminal. */
  readonly terminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** Calls back once when the user or the system wants an end. */
  readonly onEnd: (callBack: (signal: string) => void) => void;
}

interface BuildFlags {
  readonly config: string;
  readonly name: string;
  readonly root?: string;
  readonly arch?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly builder?: string;
  readonly uki?: string;
  readonly esp?: string;
  readonly disk?: string;
  readonly append?: string;
  readonly insecure?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** Adds `slipway image build | ls | show | rm | gc`. */
export function addImageCommands(program: Command, options: ImageCommandOptions): void {
  const { print, note, terminal, env, now, monotonic, onEnd } = options;
  /** The commands on images that were built, with what they need. */
  const list = () => import('./list.ts');
  const image = program.command('image').description('make what nodes boot from container images');
  const add = (name: string, description: string) =>
    image.command(name).description(description).option('--config <file>', CONFIG_OPTION);

  add('build', 'make kernel, initrd and root from a container image, as an ordinary user')
    .argument('<source>', 'docker://…, oci:DIR, oci-archive:FILE, docker-archive:FILE, dir:DIR, or a tar archive')
    .requiredOption('--name <name>', 'what the image is called in the configuration')
    .option('--root <kinds>', 'some of squashfs,erofs,tar.zst,oci (default: what machines boot of it, or else oci)')
    .option('--arch <name>', 'the architecture, such as amd64, arm64 or arm/v7 (default: that of this machine)')
    .option('--kernel <version>', 'which of several kernels (default: the newest)')
    .option('--initrd <file>', 'take this initrd instead of making one')
    .option('--builder <source>', 'an image of the same distribution that has dracut, where the image has none')
    .option('--uki <file>', 'write one file too that UEFI boots alone: stub, kernel, initrd, root and arguments')
    .option('--esp <folder>', 'write an EFI system partition too, for a USB drive: boot loader, kernel, initrd, root')
    .option('--disk <file>', 'write a disk image too, with that EFI system partition')
    .option('--append <args>', 'kernel arguments for --uki, --esp and --disk')
    .option('--insecure', 'accept plain HTTP and unknown certificates from the registry')
    .option('--quiet', 'show no progress')
    .option('--json', 'print JSON')
    .action(async (source: string, { insecure, quiet, json, ...flags }: BuildFlags) => {
      const { NO_PROGRESS, showProgress } = await import('../../images/tools/progress.ts');
      const { createTools } = await import('../../images/tools/tool-run.ts');
      const { imageBuild } = await import('./build.ts');
      const ending = new AbortController();
      onEnd((signal) => ending.abort(new Error(`ended by ${signal}; no image was changed`)));
      const progress = quiet ? NO_PROGRESS : showProgress({ print: note, terminal, monotonic });
      const tools = createTools(env, ending.signal);
      const switches = { insecure: insecure ?? false, json: json ?? false };
      const given = { ...flags, source, ...switches, epoch: env.SOURCE_DATE_EPOCH };
      print(await imageBuild(given, { tools, progress, now, signal: ending.signal }));
    });

  add('ls', 'list the images that were built')
    .option('--json', 'print JSON')
    .action(async ({ config, json }: { config: string; json?: boolean }) =>
      print(await (await list()).imageLs(config, json ?? false)),
    );

  add('show', 'print all that is known of an image')
    .argument('<name>', 'its name')
    .option('--json', 'print JSON')
    .action(async (name: string, { config, json }: { config: string; json?: boolean }) =>
      print(await (await list()).imageShow(config, name, json ?? false)),
    );

  add('rm', 'remove an image; nodes that are booting from it are not disturbed')
    .argument('<name>', 'its name')
    .option('--force', 'remove it though the configuration has nodes that boot from it')
    .action(async (name: string, { config, force }: { config: string; force?: boolean }) =>
      print(await (await list()).imageRm(config, name, force ?? false, now())),
    );

  add('gc', 'free the space of what no image is made of any more')
    .option('--json', 'print JSON')
    .action(async ({ config, json }: { config: string; json?: boolean }) =>
      print(await (await list()).imageGc(config, json ?? false, now())),
    );
}
