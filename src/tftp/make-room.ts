import type { Download } from './transfer/download.ts';

/**
 * Decides which transfer gives way to a new one when there is no room left. Finished ones go first, then the oldest
 * whose client never answered (a flood of forged requests leaves only such), then one of the address that holds the
 * most, if that is more than the newcomer would hold.
 * @param occupants oldest first
 * @returns the one to end, or undefined where the newcomer has to wait
 */
export function makeRoom<T extends Pick<Download, 'address' | 'state'>>(
  occupants: Iterable<T>,
  newcomer: string,
): T | undefined {
  const counts = new Map<string, number>();
  const latest = new Map<string, T>();
  let unanswered: T | undefined;
  for (const occupant of occupants) {
    if (occupant.state === 'over') return occupant;
    if (occupant.state === 'unanswered') unanswered ??= occupant;
    counts.set(occupant.address, (counts.get(occupant.address) ?? 0) + 1);
    latest.set(occupant.address, occupant);
  }
  if (unanswered) return unanswered;
  let [greediest, max] = [newcomer, (counts.get(newcomer) ?? 0) + 1];
  for (const [address, count] of counts) if (count > max) [greediest, max] = [address, count];
  return greediest === newcomer ? undefined : latest.get(greediest);
}
