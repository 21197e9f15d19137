import type { ScriptRequest } from '../../http/app-options.ts';
import { kernelLineLength, lineFault } from '../../ipxe-templates/scripts/kernel-line.ts';
import type { Scripts } from '../../ipxe-templates/scripts/wanted.ts';
import { NO_TOKEN } from '../../model/boot/boot-plan.ts';
import type { ScriptResult } from '../../model/boot/script.ts';
import type { RecordEvent } from '../../model/event.ts';
import { hyphenated, type Mac } from '../../model/machine/mac.ts';
import type { FleetMemory } from './fleet.ts';
import { rolesText } from './keeping/shared-roles.ts';

const SENT = { script: 'script sent', menu: 'a menu is on its screen' } as const;

/**
 * The script of a machine. To the machine itself, what it is to boot by orders, and with the token of its boot; a person
 * who looks at the script changes nothing.
 */
export async function scriptForBoot(
  mac: Mac,
  { boots, told, image: picked, arrival, client }: ScriptRequest,
  scripts: Pick<Scripts, 'forMac' | 'about' | 'rolesOf'>,
  fleet: Pick<FleetMemory, 'observe' | 'settled' | 'tokenOf' | 'chosen' | 'version' | 'access'>,
  record: RecordEvent,
): Promise<ScriptResult> {
  if (!boots) return await scripts.forMac(mac, { told, image: picked, arrival });
  const asker = client === undefined ? undefined : { client, uuid: told?.uuid };
  if (asker && fleet.access.isClaim(mac, asker)) {
    const message = `another machine, at ${client}, asks for its script with the same MAC address`;
    // Not as the event's client, which would be taken for the machine's address.
    record({ event: 'boot.claimed', level: 'warn', message, mac, from: client });
    return await scripts.forMac(mac, { told, image: picked, arrival });
  }
  // Begins a boot where DHCP was another server's.
  fleet.observe({ event: 'boot.asked', level: 'debug', message: 'asks for its script', mac });
  await fleet.settled();
  const result = await scripts.forMac(mac, {
    told,
    image: picked,
    arrival,
    choose: (match) => fleet.chosen(match),
    version: fleet.version,
  });
  if (result.kind === 'question') return result;
  const { node, image, version } = scripts.about(mac);
  const [message, reason] =
    result.kind === 'script' ? [SENT.script] : result.kind === 'menu' ? [SENT.menu, 'menu'] : [result.why, result.kind];
  const roles = result.kind === 'script' ? rolesText(scripts.rolesOf(mac)) : undefined;
  fleet.observe({ event: 'boot.script', level: 'debug', message, reason, mac, node, image, version, roles });
  if (result.kind !== 'script') return result;
  const fault = lineFault(kernelLineLength(result.text));
  if (fault) record({ event: 'script.long', level: 'warn', message: `its kernel line ${fault}`, mac });
  const token = fleet.tokenOf(mac);
  if (token === undefined) return result;
  // Nowhere else: a digest in the script may have as many zeros.
  const text = result.text.replaceAll(`/report/${NO_TOKEN}`, `/report/${token}`);
  const access = fleet.access.tokenFor(mac, asker);
  const own = text.replaceAll(`/configuration/${NO_TOKEN}`, `/configuration/${access}`);
  const place = `/containers/${hyphenated(mac)}/`;
  return { ...result, text: own.replaceAll(`${place}${NO_TOKEN}`, `${place}${fleet.access.runTokenFor(mac)}`) };
}
