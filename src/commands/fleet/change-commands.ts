import { Option } from 'commander';
import type { Order } from '../../model/fleet/next/next-boot.ts';
import type { RolloutStatus, Stranger } from '../../model/fleet/status.ts';
import { asJson } from '../json.ts';
import type { AddCommand, Flags } from './add-command.ts';

interface BootFlags extends Flags {
  readonly image?: string;
  readonly once?: boolean;
  readonly hold?: boolean;
  readonly cancel?: boolean;
}

interface RunFlags extends Flags {
  readonly image: string;
  readonly env: readonly string[];
  readonly volume: readonly string[];
  readonly boot?: string;
  readonly network?: string;
  readonly privileged?: boolean;
  readonly plainHttp?: boolean;
  readonly timeout?: string;
  readonly end: 'reboot' | 'poweroff' | 'wait';
}

const collect = (value: string, before: readonly string[]) => [...before, value];

/** What the commands print with. */
interface Surroundings {
  readonly print: (text: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Adds `slipway boot | run | orders | rollouts | unknown`. */
export function addChangeCommands(add: AddCommand, { print, now }: Surroundings): void {
  add('boot', 'order what a machine boots next', async (flags: BootFlags, api, [machine = '']) => {
    const path = `/orders/${encodeURIComponent(machine)}`;
    if (flags.cancel) {
      await api.change('DELETE', path);
      return print(`the order for ${machine} is cancelled\n`);
    }
    if (flags.image === undefined) throw new Error('name what is booted: --image NAME, or --cancel');
    if (flags.once && flags.hold) throw new Error('--once and --hold exclude each other');
    const repeat: Order['repeat'] = flags.hold ? 'hold' : 'once';
    await api.change('PUT', path, { image: flags.image, repeat });
    const until = flags.hold ? 'at each boot, until "slipway boot --cancel"' : 'at its next boot';
    print(`${machine} boots ${flags.image} ${until}\n`);
  })
    .argument('<machine>', "the node's name, or a MAC address")
    .option('--image <name>', 'the image to boot, or local for its own disk')
    .option('--once', 'for the next boot only (the default)')
    .option('--hold', 'until it is cancelled')
    .option('--cancel', 'cancel the order');

  add(
    'run',
    'run one container on a machine at its next boot, and print its output',
    async (flags: RunFlags, api, given) => {
      const [machine = '', command] = given as unknown as [string, readonly string[]];
      const { runJob } = await import('./run.ts');
      const interrupt = new AbortController();
      const onInterrupt = () => interrupt.abort();
      process.once('SIGINT', onInterrupt);
      const { image, env, volume, boot, network } = flags;
      const job = {
        ...{ machine, command, image, env, volume, boot, network },
        plainHttp: flags.plainHttp ?? false,
        privileged: flags.privileged ?? false,
        timeout: flags.timeout === undefined ? undefined : Number(flags.timeout),
        end: flags.end,
      };
      process.exitCode = await runJob(api, job, {
        out: (bytes) => void process.stdout.write(bytes),
        tell: (line) => void process.stderr.write(`slipway: ${line}\n`),
        interrupted: interrupt.signal,
      });
      process.off('SIGINT', onInterrupt);
    },
  )
    .argument('<machine>', "the node's name, or a MAC address")
    .argument('[command...]', "behind --: the arguments, in place of the image's")
    .requiredOption('--image <name>', 'the container image: docker://HOST/NAME:TAG, NAME:TAG or oci:NAME')
    .option('--env <name=value>', 'a variable; may be repeated', collect, [])
    .option('--volume <name:/path>', "a volume of the node's configuration; may be repeated", collect, [])
    .option('--boot <image>', 'the image that the machine boots (default: one whose root method is containers)')
    .option('--network <kind>', 'host, none or private (the default)')
    .option('--privileged', 'with all capabilities and devices')
    .option('--plain-http', 'the registry of the image speaks plain HTTP')
    .option('--timeout <seconds>', 'cancel it after this time')
    .addOption(
      new Option('--end <what>', 'what the machine does afterwards')
        .choices(['reboot', 'poweroff', 'wait'])
        .default('reboot'),
    );

  add('orders', 'print what machines boot by order', async (flags, api) => {
    const { orders } = await api.get<{ orders: Order[] }>('/orders');
    const { formatOrders } = await import('./text.ts');
    print(flags.json ? asJson(orders) : formatOrders(orders, now()));
  });

  add('rollouts', 'print how far new versions of images are', async (flags, api) => {
    const { rollouts } = await api.get<{ rollouts: RolloutStatus[] }>('/rollouts');
    const { formatRollouts } = await import('./text.ts');
    print(flags.json ? asJson(rollouts) : formatRollouts(rollouts));
  });

  add('unknown', 'print the machines that no node names, and what they have told', async (flags, api) => {
    const { machines } = await api.get<{ machines: Stranger[] }>('/unknown');
    const { formatStrangers } = await import('./text.ts');
    print(flags.json ? asJson(machines) : formatStrangers(machines, now()));
  });
}
