import type { RootFile } from './memory.ts';

/** What is known of an image's files; what is not known is undefined, and nothing is said of it. */
export interface ImageFacts {
  /** The kernel's architecture, as Linux names it. */
  readonly architecture?: string | undefined;
  /** Whether the kernel is a unified kernel image. */
  readonly unified?: boolean | undefined;
  /** The dracut modules of all initrds together. */
  readonly modules?: readonly string[] | undefined;
  /** Bytes of all initrds. */
  readonly initrd?: number | undefined;
  readonly root?: RootFile | undefined;
}

/** What a machine last said of itself. */
export interface MachineReport {
  /** Bytes. */
  readonly memory?: number | undefined;
}
