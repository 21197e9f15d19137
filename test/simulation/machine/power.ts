import { loadIpxe } from './firmware.ts';
import { runIpxe } from './ipxe.ts';
import type { Machine } from './machine.ts';
import { runSystem } from './system.ts';

/** Switches a machine on: it boots, again and again, until its system is up or it falls silent. */
export async function powerOn(machine: Machine): Promise<void> {
  for (;;) {
    machine.note('starts');
    const loaded = await loadIpxe(machine);
    const started = loaded === 'ipxe' ? await runIpxe(machine) : loaded;
    const ran = typeof started === 'string' ? started : await runSystem(machine, started);
    machine.note(ran);
    machine.isUp = ran === 'up';
    if (ran === 'silent') machine.silentAt = machine.around.clock.now;
    if (ran !== 'again') return;
    // Its self-test.
    await machine.sleep(5, 20);
  }
}
