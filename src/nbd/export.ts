/** What a client reads as a block device. Whoever got it closes it. */
export interface Export {
  /** Bytes. */
  readonly size: number;
  /**
   * Fills the buffer from a position, which lies in the export as a whole.
   * @returns false where the bytes are not those that were opened any more
   * @throws the operating system's error
   */
  read(buffer: Uint8Array, position: number): Promise<boolean>;
  close(): Promise<void>;
}

/** What clients can choose from. */
export interface Exports {
  /** Opens an export by its name; undefined if there is none. */
  open(name: string): Promise<Export | undefined>;
  /** The names in force. */
  names(): readonly string[];
}
