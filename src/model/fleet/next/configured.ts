import type { Mac } from '../../machine/mac.ts';
import type { Action } from '../../settings/node.ts';

/** A node as the configuration has it. */
export interface ConfiguredNode {
  readonly name: string;
  readonly macs: readonly Mac[];
  readonly labels: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
  readonly action: Action;
  /** Absent where it boots none. */
  readonly image: string | undefined;
}

/** One file of an image. */
export interface ImageFile {
  readonly role: 'kernel' | 'initrd' | 'root';
  readonly name: string;
  /** 64 hex digits; absent for a file of another server. */
  readonly sha256: string | undefined;
  /** Bytes; absent for a file of another server. */
  readonly bytes: number | undefined;
}

/** What an image is made of just now. */
export interface ImageContents {
  /** How its initrd makes the root. */
  readonly method: string;
  /** The digest of its root, by which boots name the version; absent for a root of another server. */
  readonly version: string | undefined;
  /** The id of its build, of an image that was built here. */
  readonly build: string | undefined;
  readonly files: readonly ImageFile[];
}

/** An image of the configuration: what it is made of, or why that is not known. */
export type ConfiguredImage = { readonly name: string; readonly nodes: number } & (
  | ImageContents
  | { readonly why: string }
);

/** The script that a machine would get now, or why it would get none. */
export interface ShownScript {
  readonly mac: Mac;
  readonly kind: 'script' | 'menu' | 'ignored' | 'unavailable';
  readonly text: string | undefined;
  readonly why: string | undefined;
}
