/**
 * Runs something once for all who ask while it runs.
 * @param running the promises of the runs, by key; each is removed when it settles
 */
export function singleFlight<T>(running: Map<string, Promise<T>>, key: string, begin: () => Promise<T>): Promise<T> {
  const present = running.get(key);
  if (present) return present;
  const begun = begin();
  running.set(key, begun);
  const done = () => running.delete(key);
  begun.then(done, done);
  return begun;
}
