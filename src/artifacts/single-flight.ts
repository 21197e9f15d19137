/**
 * Begins something unless it is running already: however many ask at once, it is done once.
 * @param running what runs, by key; it goes out of it when it ends, well or not
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
