import type { ScriptRequest } from '../../http/app-options.ts';
import { kernelLineLength, lineFault } from '../../ipxe-templates/scripts/kernel-line.ts';
import type { Scripts, Wanted } from '../../ipxe-templates/scripts/wanted.ts';
import { NO_TOKEN } from '../../model/boot/boot-plan.ts';
import type { ScriptResult } from '../../model/boot/script.ts';
import type { RecordEvent } from '../../model/event.ts';
import { hyphenated, type Mac } from '../../model/machine/mac.ts';
import type { FleetMemory } from './fleet.ts';
import { rolesText } from './keeping/shared-roles.ts';
import type { Asker } from './tokens/boot-access.ts';

const SENT = { asks: 'asks for its script', script: 'script sent', menu: 'a menu is on its screen' } as const;
const KEXEC = { ...SENT, asks: 'goes on by kexec', script: 'kernel line sent, for kexec' } as const;

type BootScripts = Pick<Scripts, 'forMac' | 'about' | 'rolesOf'>;
type BootFleet = Pick<FleetMemory, 'observe' | 'settled' | 'tokenOf' | 'chosen' | 'version' | 'access'>;

/**
 * The script of a machine. To the machine itself, what it is to boot by orders, and with the token of its boot; a person
 * who looks at the script changes nothing.
 */
export async function scriptForBoot(
  mac: Mac,
  { boots, told, image: picked, arrival, client }: ScriptRequest,
  scripts: BootScripts,
  fleet: BootFleet,
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
  const choose: Wanted['choose'] = (match) => fleet.chosen(match);
  return await bootBy(mac, { told, image: picked, arrival, choose }, asker, SENT, scripts, fleet, record);
}

/** A machine that goes on by kexec at the end of its pipeline. */
export interface KexecRequest extends Pick<Wanted, 'told' | 'arrival'> {
  readonly image: string;
}

/** The script of the image that a machine goes on with by kexec: it begins a boot as a script of iPXE's does. */
export async function scriptForKexec(
  mac: Mac,
  { image, ...how }: KexecRequest,
  scripts: BootScripts,
  fleet: BootFleet,
  record: RecordEvent,
): Promise<ScriptResult> {
  const choose = async () => ({ image, why: 'by kexec after its containers' });
  return await bootBy(mac, { ...how, choose }, undefined, KEXEC, scripts, fleet, record);
}

/** The script by which a boot begins, or goes on. */
async function bootBy(
  mac: Mac,
  wanted: Wanted,
  asker: Asker | undefined,
  words: typeof SENT | typeof KEXEC,
  scripts: BootScripts,
  fleet: BootFleet,
  record: RecordEvent,
): Promise<ScriptResult> {
  // Begins a boot where DHCP was another server's.
  fleet.observe({ event: 'boot.asked', level: 'debug', message: words.asks, mac });
  await fleet.settled();
  const result = await scripts.forMac(mac, { ...wanted, version: fleet.version });
  if (result.kind === 'question') return result;
  const { node, image, version } = scripts.about(mac);
  const [message, reason] =
    result.kind === 'script'
      ? [words.script]
      : result.kind === 'menu'
        ? [words.menu, 'menu']
        : [result.why, result.kind];
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
