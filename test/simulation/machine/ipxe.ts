import { discover, ipxe } from './dhcp-client.ts';
import type { Machine } from './machine.ts';
import { fetchByTftp, ROM } from './tftp-client.ts';

/** What the kernel line says. */
export interface KernelLine {
  readonly token: string;
  readonly root: string;
}

/** How iPXE ends: with the kernel's start, with a restart, or in silence. */
export type Started = KernelLine | 'again' | 'silent';

const ARCH = {
  bios: 0,
  'uefi-http': 7,
  'ipxe-rom': 0,
  'raspberry-pi': 11,
  arm64: 11,
  uefi: 7,
  'uefi-bypass': 7,
} as const;
/** How often the script is begun before it gives up, as base.ipxe.njk has it. */
const ATTEMPTS = 6;

/** Fetches what the script names. @returns what came of it */
async function runScript(machine: Machine, text: string): Promise<Started> {
  const kernel = /^kernel --name vmlinuz (\S+) (.*)$/m.exec(text);
  const initrds = [...text.matchAll(/^initrd --name \S+ (\S+)/gm)].map(([, url = '']) => url);
  const [, token = ''] = /\/report\/(\w+)/.exec(kernel?.[2] ?? '') ?? [];
  const [, root = ''] = /root=slipway:(\S+)/.exec(kernel?.[2] ?? '') ?? [];
  for (const [index, url] of [kernel?.[1] ?? '', ...initrds].entries()) {
    const fetched = await machine.around.server.download(url, machine.address, machine.around.random.between(0.3, 3));
    machine.note(`iPXE: ${url.replace(/.*\//, '')}: ${fetched}`);
    if (fetched !== 'whole') return 'again';
    if (index === 0 && machine.has('foreign-kernel')) return 'again';
    if (index === 0 && machine.has('initrd-too-big')) return 'silent';
  }
  return { token, root };
}

/** Gets the script; undefined where it does not come. */
async function script(machine: Machine): Promise<string | undefined> {
  await machine.sleep(0.01, 0.1);
  const result = await machine.around.server.script(machine.mac, machine.address);
  machine.note(`iPXE: script: ${result ? result.kind : 'nobody listens'}`);
  return result?.kind === 'script' ? result.text : undefined;
}

/** Runs iPXE until the kernel starts. */
export async function runIpxe(machine: Machine): Promise<Started> {
  await machine.sleep(1, 4);
  const offer = await discover(machine, ipxe(ARCH[machine.kind]));
  if (!offer) return 'again';
  // TCP's time-out for a port that nothing answers.
  if (machine.has('http-blocked')) {
    await machine.sleep(130);
    return 'again';
  }
  // Newer iPXE looks for this beside its own binary.
  if (machine.kind === 'bios' && machine.around.random.chance(0.3)) await fetchByTftp(machine, 'autoexec.ipxe', ROM);
  let wait = 1;
  let text = await script(machine);
  if (text === undefined) return 'again';
  for (let attempt = 1; ; attempt++) {
    const started = text === undefined ? 'again' : await runScript(machine, text);
    if (started !== 'again') return started;
    if (attempt === ATTEMPTS) break;
    await machine.sleep(wait);
    wait *= 2;
    text = await script(machine);
  }
  machine.note('iPXE: gives up; it restarts in 60 s');
  await machine.sleep(60);
  return 'again';
}
