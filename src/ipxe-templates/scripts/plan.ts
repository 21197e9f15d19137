import { createHash } from 'node:crypto';
import {
  type BootPlan,
  DOCUMENT,
  type Pin,
  type Pins,
  planBoot,
  type RequiredFile,
  requiredFiles,
} from '../../model/boot/boot-plan.ts';
import { type Build, fileOfBuild, rootOf, withRoot } from '../../model/boot/build.ts';
import type { BuildUse, Image } from '../../model/boot/image.ts';
import { hasDocument, hasSecrets } from '../../model/boot/root-methods/methods.ts';
import type { ImageVersion } from '../../model/fleet/next/rollout.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { Match } from '../../model/settings/config.ts';
import type { MachineDocument, Sources, VersionOf } from './wanted.ts';

/** A machine with the root of its image chosen, and the image's build, if it is one. */
export interface Settled {
  readonly match: Match;
  readonly build: Build | undefined;
}

/** Anybody can make up an address. */
const NO_SECRETS =
  'the root of its image has secrets, which only machines get that a node names: add one under "nodes:"';

type Unavailable = { readonly why: string };
export type Planned =
  | (Settled & {
      readonly plan: BootPlan;
      readonly pins: readonly Pin[];
      readonly document: MachineDocument | undefined;
    })
  | Unavailable;

/** Chooses the root of a machine's image, if that is a build. */
export function settle(match: Match, sources: Sources): Settled | Promise<Settled | Unavailable> {
  const image = match.settings.image?.value;
  return image?.build ? settleBuild(match, image, image.build, sources) : { match, build: undefined };
}

async function settleBuild(
  match: Match,
  image: Image,
  { name }: BuildUse,
  { build: find }: Sources,
): Promise<Settled | Unavailable> {
  try {
    const build = await find(image);
    const root = rootOf(image, build);
    if (!root) return { why: `the image ${name} was built without a root of this kind: build it with another --root` };
    return { match: { ...match, settings: withRoot(match.settings, root) }, build };
  } catch (error) {
    return { why: `image ${name}: ${plainMessage(error)}` };
  }
}

/** The version of a file that a machine needs: files of a build are always of the same version of it. */
export async function pinOf(needed: RequiredFile, { match, build }: Settled, { pin }: Sources): Promise<Pin> {
  const name = match.settings.image?.value.build?.name ?? '';
  const file = needed.form === 'image' ? undefined : fileOfBuild(name, needed.path);
  const built = file === undefined ? undefined : build?.files.get(file);
  if (built && needed.form !== 'tree') return built;
  const found = await pin(needed);
  if (built && built.digest !== found.digest) throw new Error('it is being replaced');
  return found;
}

/** An image's version by the versions of its files. */
function versionOf({ root }: Image, pins: Pins): ImageVersion {
  const all = [...pins].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify(all.map(([path, { digest }]) => [path, digest]));
  return { id: createHash('sha256').update(text).digest('hex').slice(0, 16), root, pins: all };
}

/** The same with the version of the image that the machine is to get. */
async function withVersion(settled: Settled, pins: Pins, version: VersionOf | undefined) {
  const image = settled.match.settings.image?.value;
  if (!version || !image) return { settled, pins };
  const newest = versionOf(image, pins);
  const given = await version(settled.match, image, newest);
  if (given.id === newest.id) return { settled, pins };
  const match = { ...settled.match, settings: withRoot(settled.match.settings, given.root) };
  return { settled: { ...settled, match }, pins: new Map(given.pins) };
}

/** The document of a machine, where its root method has one. */
async function documentFor(match: Match, sources: Sources): Promise<MachineDocument | Unavailable | undefined> {
  if (!getsDocument(match)) return undefined;
  return await sources.document(match, sources.server).catch((error) => ({ why: plainMessage(error) }));
}

/** Whether the machine gets a document of its own. */
export const getsDocument = ({ settings }: Match): boolean =>
  settings.image !== undefined && hasDocument(settings.image.value.root.method);

/**
 * What a machine boots, with the versions of all files; the reason where it cannot.
 * @param query what its script's URL has behind the path, from the `?` on
 */
export async function plan(match: Match, sources: Sources, query = '', version?: VersionOf): Promise<Planned> {
  const settled = await settle(match, sources);
  if ('why' in settled) return settled;
  const { node, settings } = settled.match;
  if (!node && settings.image && hasSecrets(settings.image.value.root)) return { why: NO_SECRETS };
  const missing: string[] = [];
  const pins: Pins = new Map(
    await Promise.all(
      requiredFiles(settled.match).map(async (needed) => {
        try {
          return [needed.path, await pinOf(needed, settled, sources)] as const;
        } catch (error) {
          missing.push(`${needed.path}: ${plainMessage(error)}`);
          return [needed.path, { digest: '', size: 0 }] as const;
        }
      }),
    ),
  );
  if (missing.length > 0) return { why: missing.join('; ') };
  const given = await withVersion(settled, pins, version);
  const document = await documentFor(given.settled.match, sources);
  if (document && 'why' in document) return document;
  const own = document && ([DOCUMENT, { digest: document.digest, size: Buffer.byteLength(document.text) }] as const);
  const all = own ? new Map([...given.pins, own]) : given.pins;
  const planned = planBoot(given.settled.match, all, sources.server, query, given.settled.build?.unpacked);
  return { ...given.settled, plan: planned, pins: [...given.pins.values()], document };
}
