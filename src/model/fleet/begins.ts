import type { BootEvent } from '../event.ts';
import { type Boot, STAGES } from './boot.ts';

/** A boot that was silent for this long is over, milliseconds. */
const SILENCE = 30 * 60_000;

const rank = (stage: Boot['stage']): number => STAGES.indexOf(stage);

const isScript = ({ event }: BootEvent): boolean => event === 'boot.asked' || event === 'boot.script';

/**
 * Whether an event begins a new boot of its machine. Firmware repeats its requests, and so does iPXE, which asks for
 * its script again where a download failed: all of that is one boot. A report never begins one.
 * @param boot the machine's last boot
 * @param at milliseconds since 1970
 */
export function beginsBoot(boot: Boot | undefined, event: BootEvent, at: number): boolean {
  if (event.event === 'boot.report') return false;
  if (!boot || at - boot.last > SILENCE) return true;
  if (boot.outcome === 'up') return event.event.startsWith('dhcp.') || isScript(event);
  switch (event.event) {
    case 'dhcp.offer':
    case 'dhcp.ack':
    case 'dhcp.silent':
      // The firmware itself asks again only after a restart, once iPXE has had its script; iPXE, once it has fetched
      // something: what it fails at it tries again without DHCP.
      return rank(boot.stage) >= rank(event.client === 'ipxe' ? 'kernel' : 'script');
    case 'boot.asked':
    case 'boot.script':
      return rank(boot.stage) >= rank('network');
    default:
      return false;
  }
}
