import type { Command } from 'commander';
import type { Boot, BootWithSteps } from '../../model/fleet/boot.ts';
import type { BootChange } from '../../model/fleet/boot-store.ts';
import type { ExplainedBoot, MachineStatus } from '../../model/fleet/status.ts';
import { asJson } from '../json.ts';
import { adding, type Flags } from './add-command.ts';
import { addChangeCommands } from './change-commands.ts';
import type { ApiClient } from './client.ts';

/** The command line's surroundings that these commands use. */
export interface FleetCommandOptions {
  readonly print: (text: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Boots with the same image whose durations the last one is compared with. */
const COMPARED = 50;

/** The id of a machine's last boot. @throws Error with the remedy where there is none */
async function lastBoot(api: ApiClient, machine: string): Promise<string> {
  const { boots } = await api.get<{ boots: Boot[] }>(`/boots?machine=${encodeURIComponent(machine)}&limit=1`);
  const [last] = boots;
  if (last) return last.id;
  throw new Error(`no boot of ${machine} is known: "slipway status" lists the machines`);
}

/** Adds `slipway status | watch | logs | boots | output | boot | orders | rollouts | unknown`, which ask the daemon. */
export function addFleetCommands(program: Command, { print, now }: FleetCommandOptions): void {
  // Imported when one of them runs.
  const text = () => import('./text.ts');
  const add = adding(program);
  add('status', 'print what each machine is doing, and why it is stuck', async (flags, api) => {
    const { machines } = await api.get<{ machines: MachineStatus[] }>('/status');
    print(flags.json ? asJson(machines) : (await text()).formatStatus(machines, now()));
  });

  add('watch', 'print the steps of all boots as they happen', async (flags, api) => {
    const { stepText } = await text();
    const onOpen = () => {
      if (!flags.json) print(`${'TIME'.padEnd(8)}  ${'NODE'.padEnd(17)}  STAGE\n`);
    };
    for await (const { boot, step } of api.events<BootChange>('/events', onOpen)) {
      if (flags.json) print(`${JSON.stringify({ boot, step })}\n`);
      else {
        const time = new Date(step.at).toISOString().slice(11, 19);
        print(`${time}  ${(boot.node ?? boot.mac).padEnd(17)}  ${stepText(step)}`);
      }
    }
  });

  add(
    'boots',
    'print the boots of a machine, the newest first, and how long each stage of the last one took',
    async (flags: Flags & { readonly limit?: string }, api, [machine = '']) => {
      const query = `machine=${encodeURIComponent(machine)}&limit=${encodeURIComponent(flags.limit ?? '20')}`;
      const { boots } = await api.get<{ boots: Boot[] }>(`/boots?${query}`);
      if (flags.json) return print(asJson(boots));
      const { formatBoots, formatDurations } = await text();
      print(formatBoots(boots));
      const [last] = boots;
      if (!last) return;
      const boot = await api.get<BootWithSteps>(`/boots/${last.id}`);
      const path = `/images/${encodeURIComponent(last.image ?? '-')}/boots?limit=${COMPARED}`;
      const others = (await api.get<{ boots: BootWithSteps[] }>(path)).boots.filter(({ id }) => id !== last.id);
      print(`\n${formatDurations(boot, others)}`);
    },
  )
    .argument('<machine>', "the node's name, or a MAC address")
    .option('--limit <count>', 'how many (default: 20)');

  add(
    'logs',
    'print the steps of a boot of a machine, the last by default',
    async (flags, api, [machine = '', wanted]) => {
      const id = wanted ?? (await lastBoot(api, machine));
      const boot = await api.get<ExplainedBoot>(`/boots/${encodeURIComponent(id)}`);
      print(flags.json ? asJson(boot) : (await text()).formatBoot(boot));
    },
  )
    .argument('<machine>', "the node's name, or a MAC address")
    .argument('[boot]', 'the boot, as "slipway boots" prints it');

  add(
    'output',
    'print what the containers of a machine have printed in a boot, the last by default',
    async (flags: Flags & { readonly step?: string }, api, [machine = '', wanted]) => {
      const id = wanted ?? (await lastBoot(api, machine));
      const { printOutput } = await import('./run.ts');
      await printOutput(api, id, 0, flags.step, (bytes) => void process.stdout.write(bytes));
    },
  )
    .argument('<machine>', "the node's name, or a MAC address")
    .argument('[boot]', 'the boot, as "slipway boots" prints it')
    .option('--step <name>', 'that of one step (default: all)');

  addChangeCommands(add, { print, now });
}
