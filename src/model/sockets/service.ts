/** A running network service. */
export interface Service {
  /** `ADDRESS:PORT` of each listening socket. */
  readonly listening: readonly string[];
  /**
   * Takes no further requests. Resolves when all sockets are closed.
   * @param graceMs how long requests under way may go on; not at all where it is left out
   */
  stop(graceMs?: number): Promise<void>;
}
