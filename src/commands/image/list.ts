import { type BuiltImage, collectGarbage, listImages, readImage } from '../../images/store/image-list.ts';
import { storePaths, unpublish } from '../../images/store/publish.ts';
import { formatBytes } from '../../images/tools/progress.ts';
import { isBuildName } from '../../model/boot/build.ts';
import { asJson } from '../json.ts';
import { imageConfig, machinesUsing } from './config.ts';
import { formatImage, formatImages } from './text.ts';

/** Flags of these commands. */
interface ListFlags {
  /** The configuration file. */
  readonly config: string;
  readonly json?: boolean;
}

const imageJson = ({ name, id, built, manifest }: BuiltImage) => ({
  ...{ name, id, built: new Date(built).toISOString() },
  ...manifest,
});

const noImage = (name: string): Error =>
  new Error(`there is no image ${JSON.stringify(name)}; "slipway image ls" lists them`);

/** `slipway image ls`: the images that were built. */
export async function imageLs({ config, json }: ListFlags): Promise<string> {
  const images = await listImages(storePaths((await imageConfig(config)).artifacts));
  return json ? asJson(images.map(imageJson)) : formatImages(images);
}

/**
 * `slipway image show`: all details of one.
 * @throws Error where there is none of that name
 */
export async function imageShow(name: string, { config, json }: ListFlags): Promise<string> {
  const { artifacts } = await imageConfig(config);
  const image = isBuildName(name) ? await readImage(storePaths(artifacts), name) : undefined;
  if (!image) throw noImage(name);
  return json ? asJson(imageJson(image)) : formatImage(name, image);
}

/** The most names of machines that a message lists. */
const MAX_SHOWN = 20;

/**
 * `slipway image rm`: takes a name away. Nodes that are booting from it are not disturbed; `gc` removes the files later.
 * @param now milliseconds since 1970
 * @throws Error that names the machines that boot it, unless it is forced; Error where there is no such image
 */
export async function imageRm(
  name: string,
  { config: file, force }: ListFlags & { readonly force?: boolean },
  now: number,
): Promise<string> {
  const config = await imageConfig(file);
  const places = storePaths(config.artifacts);
  const users = machinesUsing(config, name);
  if (!force && users.length > 0 && isBuildName(name) && (await readImage(places, name))) {
    const more = users.length > MAX_SHOWN ? ` and ${users.length - MAX_SHOWN} more` : '';
    const who = `${users.slice(0, MAX_SHOWN).join(', ')}${more}`;
    throw new Error(`${name} is what ${file} boots these with: ${who}; without it they get none: --force removes it`);
  }
  if (!isBuildName(name) || !(await unpublish(places, name, now))) throw noImage(name);
  return `${name} is removed; "slipway image gc" frees its space, an hour from now\n`;
}

/**
 * `slipway image gc`: removes builds and blobs that no image uses any more.
 * @param now milliseconds since 1970
 */
export async function imageGc({ config, json }: ListFlags, now: number): Promise<string> {
  const collected = await collectGarbage(storePaths((await imageConfig(config)).artifacts), now);
  if (json) return asJson(collected);
  const { builds, blobs, bytes, running } = collected;
  const waiting = running > 0 ? `; blobs stay while ${running === 1 ? 'a build runs' : `${running} builds run`}` : '';
  return `removed ${builds} builds and ${blobs} blobs, ${formatBytes(bytes)}${waiting}\n`;
}
