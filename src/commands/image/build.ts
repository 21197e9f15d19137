import { type BuildOptions, buildImage } from '../../images/builder/build-image.ts';
import { asJson } from '../json.ts';
import { type BuildFlags, readSource } from './build-flags.ts';
import { imageConfig, rootsInUse } from './config.ts';
import { formatImage } from './text.ts';

function readEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return Number(text);
  throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(text)}: expected seconds since 1970`);
}

/**
 * `slipway image build`: builds an image from a container image.
 * @param epoch SOURCE_DATE_EPOCH of the environment
 * @returns the text to print
 * @throws ConfigError, Error with the remedy
 */
export async function imageBuild(
  source: string,
  { config: file, json, root, ...flags }: BuildFlags & { readonly config: string; readonly json?: boolean },
  epoch: string | undefined,
  run: Pick<BuildOptions, 'tools' | 'progress' | 'now' | 'signal'>,
): Promise<string> {
  const config = await imageConfig(file);
  const given = { source: readSource(source), roots: root ?? rootsInUse(config, flags.name), epoch: readEpoch(epoch) };
  const { loader, manifest, ...built } = await buildImage({ ...flags, ...given, ...run, artifacts: config.artifacts });
  if (!json) return formatImage(flags.name, { loader, manifest, ...built });
  return asJson({ name: flags.name, ...built, ...(loader && { loader }), ...manifest });
}
