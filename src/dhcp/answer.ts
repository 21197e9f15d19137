import type { BootEvent } from '../model/event.ts';
import type { SourceBudget } from '../model/limits/source-budget.ts';
import type { KnownFacts } from '../model/machine/known-facts.ts';
import type { Config } from '../model/settings/config.ts';
import type { Attempts } from './attempts.ts';
import { decodePacket } from './codec/packet.ts';
import { type DhcpIdentity, decide, type Recognised, type Reply } from './decide.ts';
import { askedLease, leaseEvent } from './lease.ts';
import { recogniseRequest } from './recognise.ts';
import { buildReply, type Datagram, type Sender } from './reply.ts';
import { type PxeRequest, readPxeRequest, type ServerPort, withFirmware } from './request.ts';
import { type Silence, silence } from './silence.ts';

/** The answer to a packet: an event, and a datagram unless it gets no answer. */
export interface Answer {
  readonly event: BootEvent;
  readonly send?: Datagram;
  /** The boot file that is missing. */
  readonly missing?: string;
}

/** All that an answer depends on beside the packet. */
export interface Context {
  readonly config: Config;
  readonly identity: DhcpIdentity;
  readonly attempts: Attempts;
  /** Gets what the packet tells. */
  readonly facts: KnownFacts;
  /** Requests of each machine, by its hardware address. */
  readonly budget: SourceBudget;
  /** Milliseconds of a clock that never goes back. */
  readonly now: number;
}

/** The number of the attempt that this request belongs to. */
function countAttempt({ client, port, packet }: PxeRequest, { mac }: Recognised, { attempts, now }: Context): number {
  if (mac === undefined) return 1;
  if (port === 67 && client.kind === 'pxe') return attempts.begin(mac, packet.xid, now);
  attempts.succeed(mac);
  return 1;
}

function silent(port: ServerPort, sender: Sender, why: Silence, request?: PxeRequest): Answer {
  const mac = request?.macs[0];
  const detail = why.detail === undefined ? '' : ` (${why.detail})`;
  return {
    event: {
      event: 'dhcp.silent',
      level: 'debug',
      message: `no answer to ${mac ?? sender.address} on port ${port}: ${why.reason}${detail}`,
      reason: why.reason,
      detail: why.detail,
      port,
      from: sender.address,
      mac,
      arch: request?.arch,
    },
    ...(why.reason === 'no-boot-file' && why.detail !== undefined ? { missing: why.detail } : {}),
  };
}

function answered(request: PxeRequest, match: Recognised, reply: Reply, send: Datagram): Answer {
  const name = reply.type === 'offer' ? 'OFFER' : 'ACK';
  const who = match.mac ?? 'a machine without an address';
  const file = reply.bootFile ?? 'the boot server only';
  return {
    event: {
      event: `dhcp.${reply.type}`,
      level: 'info',
      message: `${name} to ${who} (${request.client.kind} by ${request.by}): ${file}`,
      mac: match.mac,
      client: request.client.kind,
      by: request.by,
      malformed: request.packet.malformed,
      arch: request.arch,
      uuid: request.uuid,
      file: reply.bootFile,
      to: `${send.address}:${send.port}`,
      why: match.why,
    },
    send,
  };
}

/** Answers the octets of a packet with those of a reply, or with the reason why there is none. */
export function answer(bytes: Uint8Array, port: ServerPort, sender: Sender, context: Context): Answer {
  const packet = decodePacket(bytes);
  if ('silent' in packet) return silent(port, sender, packet);
  const read = readPxeRequest(packet, port);
  if ('silent' in read) {
    const lease = port === 67 ? askedLease(packet) : undefined;
    const isHeard = lease !== undefined && context.budget.take(lease.mac, context.now);
    return isHeard ? { event: leaseEvent(lease) } : silent(port, sender, read);
  }
  const source = read.macs[0] ?? sender.address;
  if (!context.budget.take(source, context.now)) return silent(port, sender, silence('too-often'), read);
  const match = recogniseRequest(context.config, context.facts, read);
  const request = withFirmware(read, match.settings);
  const ignored = match.settings.action.value === 'ignore';
  const attempt = ignored ? 1 : countAttempt(request, match, context);
  const reply = decide(request, match, context.identity, attempt);
  if ('silent' in reply) return silent(port, sender, reply, request);
  const send = buildReply(request, reply, context.identity, sender);
  if ('silent' in send) return silent(port, sender, send, request);
  return answered(request, match, reply, send);
}
