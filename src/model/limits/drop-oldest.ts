/**
 * Removes the oldest entry of a map that has more than so many; to make an entry the newest, delete it and set it again.
 * @returns the entry that was removed
 */
export function dropOldest<K, V>(map: Map<K, V>, max: number): readonly [K, V] | undefined {
  if (map.size <= max) return undefined;
  const [oldest] = map;
  if (oldest) map.delete(oldest[0]);
  return oldest;
}
