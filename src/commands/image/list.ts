import { collectGarbage, listImages, readImage } from '../../images/store/image-list.ts';
import { storePaths, unpublish } from '../../images/store/publish.ts';
import { formatBytes } from '../../images/tools/progress.ts';
import { isBuildName } from '../../model/boot/build.ts';
import { imageConfig, machinesUsing } from './config.ts';
import { formatImage, formatImages } from './text.ts';

const asJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** `slipway image ls`: the images that were built. */
export async function imageLs(configFile: string, json: boolean): Promise<string> {
  const { artifacts } = await imageConfig(configFile);
  const images = await listImages(storePaths(artifacts));
  return json
    ? asJson(
        images.map(({ name, id, built, manifest }) => ({
          name,
          id,
          built: new Date(built).toISOString(),
          ...manifest,
        })),
      )
    : formatImages(images);
}

/**
 * `slipway image show`: all that is known of one.
 * @throws Error where there is none of that name
 */
export async function imageShow(configFile: string, name: string, json: boolean): Promise<string> {
  const { artifacts } = await imageConfig(configFile);
  const image = isBuildName(name) ? await readImage(storePaths(artifacts), name) : undefined;
  if (!image) throw new Error(`there is no image ${JSON.stringify(name)}; "slipway image ls" lists them`);
  const { id, manifest, built } = image;
  return json ? asJson({ name, id, built: new Date(built).toISOString(), ...manifest }) : formatImage(name, image);
}

/** Names of machines that a message lists. */
const SHOWN = 20;

/**
 * `slipway image rm`: takes a name away. Nodes that are booting from it are not disturbed; `gc` removes the files later.
 * @param force whether to do so though nodes boot from it
 * @param now milliseconds since 1970
 * @throws Error that names the nodes, and where there is no such image
 */
export async function imageRm(configFile: string, name: string, force: boolean, now: number): Promise<string> {
  const config = await imageConfig(configFile);
  const { artifacts } = config;
  const users = machinesUsing(config, name);
  if (!force && users.length > 0 && isBuildName(name) && (await readImage(storePaths(artifacts), name))) {
    const more = users.length > SHOWN ? ` and ${users.length - SHOWN} more` : '';
    const who = `${users.slice(0, SHOWN).join(', ')}${more}`;
    throw new Error(
      `${name} is what ${configFile} boots these with: ${who}; without it they get none: --force removes it`,
    );
  }
  if (!isBuildName(name) || !(await unpublish(storePaths(artifacts), name, now))) {
    throw new Error(`there is no image ${JSON.stringify(name)}; "slipway image ls" lists them`);
  }
  return `${name} is removed; "slipway image gc" frees its space, an hour from now\n`;
}

/**
 * `slipway image gc`: removes what no image is made of any more.
 * @param now milliseconds since 1970
 */
export async function imageGc(configFile: string, json: boolean, now: number): Promise<string> {
  const { artifacts } = await imageConfig(configFile);
  const collected = await collectGarbage(storePaths(artifacts), now);
  if (json) return asJson(collected);
  const { builds, blobs, bytes, running } = collected;
  const waiting = running > 0 ? `; blobs stay while ${running === 1 ? 'a build runs' : `${running} builds run`}` : '';
  return `removed ${builds} builds and ${blobs} blobs, ${formatBytes(bytes)}${waiting}\n`;
}
