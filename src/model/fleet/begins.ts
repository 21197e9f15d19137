import type { BootEvent } from '../event.ts';
import { type Boot, rank } from './boot.ts';

/** A boot that was silent for this long is over, milliseconds. */
export const SILENCE = 30 * 60_000;

/** A packet that the network has doubled comes no later than this after the one, milliseconds. */
export const LATE = 3000;

const isScript = ({ event }: BootEvent): boolean => event === 'boot.asked' || event === 'boot.script';

/**
 * Whether an event begins a new boot of its machine. Firmware repeats its requests, and so does iPXE, which asks for
 * its script again where a download failed: all of that is one boot. A report never begins one, nor does the request of
 * another machine.
 * @param boot the machine's last boot
 * @param at milliseconds since 1970
 */
export function beginsBoot(boot: Boot | undefined, event: BootEvent, at: number): boolean {
  if (event.event === 'boot.report' || event.event === 'boot.claimed') return false;
  if (!boot || at - boot.last > SILENCE) return true;
  if (boot.outcome === 'up') return event.event.startsWith('dhcp.') || isScript(event);
  switch (event.event) {
    case 'dhcp.offer':
    case 'dhcp.ack':
    case 'dhcp.silent':
      // Once iPXE has had its script, firmware and iPXE ask again only after a restart. A request of iPXE's that the
      // network has doubled may come a moment after its script.
      if (event.client === 'ipxe' && boot.stage === 'script') return at - boot.last > LATE;
      return rank(boot.stage) >= rank('script');
    case 'boot.asked':
    case 'boot.script':
      return rank(boot.stage) >= rank('network');
    default:
      return false;
  }
}
