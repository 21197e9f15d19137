import type { ScriptRequest } from '../../http/app-options.ts';
import type { Scripts } from '../../ipxe-templates/scripts.ts';
import { NO_TOKEN } from '../../model/boot/boot-plan.ts';
import type { ScriptResult } from '../../model/boot/script.ts';
import type { Mac } from '../../model/machine/mac.ts';
import type { FleetMemory } from './fleet.ts';

/** The script of a machine, with the token of its boot where it boots. */
export async function scriptForBoot(
  mac: Mac,
  { boots, told }: ScriptRequest,
  scripts: Pick<Scripts, 'forMac' | 'about'>,
  fleet: Pick<FleetMemory, 'observe' | 'tokenOf'>,
): Promise<ScriptResult> {
  const result = await scripts.forMac(mac, told);
  if (!boots || result.kind === 'question') return result;
  const { node, image, version } = scripts.about(mac);
  const [message, reason] = result.kind === 'script' ? ['script sent'] : [result.why, result.kind];
  fleet.observe({ event: 'boot.script', level: 'debug', message, reason, mac, node, image, version });
  if (result.kind !== 'script') return result;
  const token = fleet.tokenOf(mac);
  if (token === undefined) return result;
  // Nowhere else: a digest in the script may have as many zeros.
  return { ...result, text: result.text.replaceAll(`/report/${NO_TOKEN}`, `/report/${token}`) };
}
