import type { Pin, RequiredFile } from '../../model/boot/boot-plan.ts';
import type { Build } from '../../model/boot/build.ts';
import type { Image, Root } from '../../model/boot/image.ts';
import type { ScriptResult } from '../../model/boot/script.ts';
import type { ContainersSection } from '../../model/containers/section.ts';
import type { FileRole } from '../../model/fleet/event-steps.ts';
import type { ImageContents } from '../../model/fleet/next/configured.ts';
import type { ImageVersion } from '../../model/fleet/next/rollout.ts';
import type { Facts } from '../../model/machine/facts.ts';
import type { Mac } from '../../model/machine/mac.ts';
import type { Config, Match } from '../../model/settings/config.ts';
import type { Arrival, ServerIdentities } from '../../model/settings/served-by.ts';
import type { ServerIdentity } from '../../model/settings/server.ts';
import type { Templates } from '../nunjucks/render.ts';

/** A document that a machine gets, and its SHA-256 digest as 64 hex digits. */
export interface MachineDocument {
  readonly text: string;
  readonly digest: string;
}

/** A consistent view of all inputs of scripts. */
export interface ScriptSources {
  readonly config: Config;
  readonly templates: Templates;
  readonly servers: ServerIdentities;
  /** The version in force of an artifact; rejects if there is none. */
  readonly pin: (needed: RequiredFile) => Promise<Pin>;
  /** The document of a machine, for root methods of that form. */
  readonly document: (match: Match, server: ServerIdentity) => Promise<MachineDocument>;
  /** The version in force of an image's build; rejects if there is none. */
  readonly build: (image: Image) => Promise<Build>;
}

/** The same for a request, with the identity that answers it. */
export interface Sources extends ScriptSources {
  readonly server: ServerIdentity;
}

/** Decides which version of its image a machine gets. */
export type VersionOf = (match: Match, image: Image, newest: ImageVersion) => Promise<ImageVersion>;

/** What a machine boots in place of its settings. */
export interface Choice {
  /** An image's name, or `local`. */
  readonly image: string;
  readonly why: string;
  /** What is to run, by root method `containers`, in place of the keys of the settings. */
  readonly containers?: ContainersSection | undefined;
}

/** What a request for a script says, and what is to be booted in place of the machine's settings. */
export interface Wanted {
  /** What iPXE tells of the machine; undefined where it was not asked. */
  readonly told?: Facts | undefined;
  /** The image that was chosen from the machine's menu, or `local`. */
  readonly image?: string | undefined;
  /** How the request came. */
  readonly arrival?: Arrival | undefined;
  /** Decides which version of its image it gets; without it, the newest. */
  readonly version?: VersionOf;
  /** Decides what the machine boots; undefined for its settings. */
  readonly choose?: (match: Match) => Promise<Choice | undefined>;
}

/** Renders scripts. Their URLs are those of the network in which the request arrived. */
export interface Scripts {
  forMac(mac: Mac, request?: Wanted): Promise<ScriptResult>;
  /** The rule that matched, the source of each value, the versions of files: plain data for JSON. */
  explain(mac: Mac, told?: Facts, arrival?: Arrival): Promise<Readonly<Record<string, unknown>>>;
  /** What a machine would boot now, of what is known of it; undefined where it would boot no image. */
  preview(mac: Mac, wanted: Pick<Wanted, 'choose' | 'version'>): Promise<Preview | undefined>;
  /** The script of a machine's next boot, of what is known of it, for people: it counts as sent to nobody. */
  show(mac: Mac, wanted: Pick<Wanted, 'choose' | 'version'>): Promise<Exclude<ScriptResult, { kind: 'question' }>>;
  /** What an image is made of just now, or why that is not known. */
  contentsOf(image: string): Promise<ImageContents | { readonly why: string }>;
  /** The script that has iPXE ask for its machine's own. */
  bootstrap(arrival?: Arrival): string;
  /**
   * A file of a machine, with the variables of its last script.
   * @returns undefined where the template or what it is about is missing
   */
  file(mac: Mac, template: string): Promise<string | undefined>;
  /** The document that the machine's last script has the digest of. */
  documentOf(mac: Mac): string | undefined;
  /** The root of a node's last script, with secrets as references, and the arguments beside it; undefined for other machines. */
  root(mac: Mac): Promise<{ readonly root: Root; readonly args: readonly string[] } | undefined>;
  /** The names of a machine, and the version of its last script. */
  about(mac: Mac): AboutScript;
  /** What the files of the machine's last script are, by their digests. */
  rolesOf(mac: Mac): ReadonlyMap<string, FileRole> | undefined;
}

/** What a machine would boot. */
export interface Preview {
  readonly image: string;
  /** The digest of the root, 64 hex digits; undefined for a root of another server. */
  readonly version: string | undefined;
}

/** A machine's node, its image, and the version of the script that it had last. */
export interface AboutScript {
  readonly node: string | undefined;
  readonly image: string | undefined;
  /** The digest of the root, 64 hex digits; undefined before a script, and for a root of another server. */
  readonly version: string | undefined;
}
