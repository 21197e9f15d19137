import type { BootEvent } from '../../../src/model/event.ts';
import type { BootStep, BootWithSteps } from '../../../src/model/fleet/boot.ts';
import { Tracker } from '../../../src/model/fleet/tracker.ts';
import type { Mac } from '../../../src/model/machine/mac.ts';

export const MAC = '52:54:00:00:00:01' as Mac;
export const ADDRESS = '192.0.2.7';

/** A path of the HTTP server is here what it is called. */
const ROLES = { '/k': 'kernel', '/i': 'initrd', '/r': 'root' } as const;

/** A tracker with ids that count; only one machine has a node. */
export function aTracker(): Tracker {
  let last = 0;
  const nodeOf = (mac: Mac) => (mac === MAC ? 'n001' : undefined);
  const newId = () => (++last).toString(16).padStart(16, '0');
  return new Tracker({ roleOf: (_, path) => ROLES[path as keyof typeof ROLES], nodeOf, newId });
}

type Event = Partial<BootEvent> & Record<string, unknown>;
const event = (name: string, more: Event = {}): BootEvent =>
  ({ event: name, level: 'info', message: name, ...more }) as BootEvent;

/** The events of one machine, as the services record them. */
export function eventsOf(mac: Mac = MAC, address: string = ADDRESS) {
  const client = `${address}:2070`;
  return {
    offer: (kind = 'pxe') => event('dhcp.offer', { mac, client: kind, to: '255.255.255.255:68' }),
    ack: () => event('dhcp.ack', { mac, client: 'pxe', to: `${address}:4011` }),
    silent: (reason: string, port = 67, message = reason) => event('dhcp.silent', { mac, reason, port, message }),
    tftpRequest: () => event('tftp.request', { client, file: 'snponly.efi' }),
    tftpDone: () => event('tftp.done', { client, bytes: 1000, seconds: 1 }),
    tftpFailed: (reason: string, bytes = 0) => event('tftp.failed', { client, reason, bytes }),
    tftpMissing: () => event('tftp.missing', { client, file: 'pxelinux.0', message: `${client} asked for pxelinux.0` }),
    /** iPXE's request of its script, as the daemon records it: first for the boot, then for the log. */
    script: (reason?: string, message = 'script sent'): readonly BootEvent[] => [
      event('boot.script', { mac, node: 'n001', image: 'debian', version: 'ab'.repeat(32), reason, message }),
      event('http.script', { mac, client: address, status: 200 }),
    ],
    fetched: (path: keyof typeof ROLES, complete = true) =>
      event('http.download', {
        ...{ mac, client: address, method: 'GET', path, status: 200 },
        ...{ bytes: 500, length: 1000, seconds: 2, complete },
      }),
    gone: (path: string) => event('http.refused', { mac, client: address, path, status: 410 }),
    report: (boot: string, stage: string, happening: string, message = stage) =>
      event('boot.report', { mac, boot, stage, happening, message }),
  };
}

/** A boot of these steps, each a second after the one before. */
export function aBoot(steps: readonly Partial<BootStep>[], more: Partial<BootWithSteps> = {}): BootWithSteps {
  const made = steps.map((step, n): BootStep => {
    return { at: n * 1000, stage: 'dhcp', happening: 'done', message: 'a step', ...step };
  });
  const last = made.at(-1);
  const about = { id: '1'.repeat(16), mac: MAC, node: 'n001', image: 'debian', version: undefined };
  const times = { began: 0, last: last?.at ?? 0 };
  return { ...about, ...times, stage: last?.stage ?? 'dhcp', outcome: 'under-way', steps: made, ...more };
}
