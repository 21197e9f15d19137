import type { BootEvent } from '../../../model/event.ts';
import type { FileRole } from '../../../model/fleet/event-steps.ts';
import { dropOldest } from '../../../model/limits/drop-oldest.ts';

/** Machines that are remembered; those heard of longest ago go first. */
const MACHINES = 20_000;
/** The longest list that is read, characters: a script names few files. */
const LONGEST = 5000;

/** What the files of a script are, as an event has it: `DIGEST=ROLE`, with blanks between. */
export function rolesText(roles: ReadonlyMap<string, FileRole> | undefined): string | undefined {
  return roles && [...roles].map(([digest, role]) => `${digest}=${role}`).join(' ');
}

/** What files are to machines whose scripts other daemons have made. */
export class SharedRoles {
  private readonly machines = new Map<string, ReadonlyMap<string, string>>();

  /** Takes what an event of another daemon tells. */
  note({ event, mac, roles }: BootEvent): void {
    if (event !== 'boot.script' || typeof mac !== 'string' || typeof roles !== 'string') return;
    const pairs = roles
      .slice(0, LONGEST)
      .split(' ')
      .map((pair) => pair.split('=') as [string, string]);
    this.machines.delete(mac);
    this.machines.set(mac, new Map(pairs));
    dropOldest(this.machines, MACHINES);
  }

  roleOf(mac: string, digest: string): FileRole | undefined {
    return this.machines.get(mac)?.get(digest) as FileRole | undefined;
  }
}
