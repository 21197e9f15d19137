import { clientArch } from '../model/machine/arch.ts';
import { type Facts, factsOfFirmware, factValue } from '../model/machine/facts.ts';
import type { KnownFacts } from '../model/machine/known-facts.ts';
import type { Config } from '../model/settings/config.ts';
import type { BootSettings } from '../model/settings/node.ts';
import { findMatch, recognise } from '../model/settings/recognise.ts';
import { decodeOptions, Option } from './codec/options.ts';
import type { Recognised } from './decide.ts';
import type { PxeRequest } from './request.ts';

/** Sub-options of option 82: circuit ID and remote ID (RFC 3046 section 2.0). */
const CIRCUIT = 1;
const REMOTE = 2;

/** An identifier as text where it is printable, as switches are set up to send it, and else in hex digits. */
function idText(bytes: Uint8Array | undefined): string | undefined {
  if (!bytes) return undefined;
  const printable = bytes.every((octet) => octet >= 0x20 && octet < 0x7f);
  return factValue(Buffer.from(bytes).toString(printable ? 'latin1' : 'hex'));
}

/** What a request tells about its machine, beside its address. */
export function factsOf({ packet, client, arch, uuid }: PxeRequest): Facts {
  const known = clientArch(arch);
  const agent = decodeOptions(packet.options.get(Option.RELAY_AGENT) ?? new Uint8Array()).options;
  const found = {
    uuid: factValue(uuid),
    relay: packet.giaddr === '0.0.0.0' ? undefined : packet.giaddr,
    circuit: idText(agent.get(CIRCUIT)),
    remote: idText(agent.get(REMOTE)),
    ...(known && factsOfFirmware(known.firmware, known.transport)),
    ...(client.kind === 'raspberry-pi' && { firmware: 'raspberry-pi', arch: 'arm64' }),
    // An iPXE does not tell how the firmware has fetched it.
    ...(client.kind === 'ipxe' && { firmware: undefined }),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** The settings by which a machine gets as far as iPXE, which can tell what else it is. */
function untilItTells(settings: BootSettings): BootSettings {
  return { ...settings, action: { value: 'boot', from: 'rules' } };
}

/**
 * The machine's settings: by the first of its addresses that the configuration names, else by the first of all and by
 * what the request tells. Where a node or a rule may still fit, by what iPXE will tell, the machine is answered.
 */
export function recogniseRequest(config: Config, known: KnownFacts, request: PxeRequest): Recognised {
  const mac = request.macs.find((each) => config.byMac.has(each)) ?? request.macs[0];
  if (mac === undefined) {
    return { settings: config.unknown, why: 'it does not tell its hardware address: the rule "unknown" applies' };
  }
  known.noteDhcp(mac, factsOf(request));
  const facts = known.of(mac);
  const found = recognise(config, facts);
  const match = findMatch(config, facts, found);
  if (found.open.length === 0 || known.hasTold(mac) || match.settings.action.value === 'boot') return match;
  const why = `${match.why}; but ${found.open.join(', ')} may tell more`;
  return { ...match, settings: untilItTells(match.settings), why };
}
