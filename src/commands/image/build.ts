import { resolve } from 'node:path';
import { type BuildOptions, type BuildRunOptions, type Built, buildImage } from '../../images/builder/build-image.ts';
import { type ImageSource, parseSource, SOURCE_EXPECTED } from '../../images/store/source.ts';
import { isBuildName } from '../../model/boot/build.ts';
import { ROOT_KINDS, type RootKind } from '../../model/boot/root-kind.ts';
import { imageConfig, rootsInUse } from './config.ts';
import { formatImage } from './text.ts';

/** What `slipway image build` is told. */
export interface ImageBuildArguments {
  readonly config: string;
  readonly name: string;
  readonly source: string;
  /** Kinds with commas between; undefined for those in use. */
  readonly root?: string | undefined;
  readonly arch?: string | undefined;
  readonly insecure: boolean;
  readonly kernel?: string | undefined;
  readonly initrd?: string | undefined;
  /** The image in whose root dracut runs where the image has none. */
  readonly builder?: string | undefined;
  /** Where a unified kernel image, an EFI system partition and a disk image go, and their kernel arguments. */
  readonly uki?: string | undefined;
  readonly esp?: string | undefined;
  readonly disk?: string | undefined;
  readonly append?: string | undefined;
  readonly json: boolean;
  /** SOURCE_DATE_EPOCH of the environment. */
  readonly epoch: string | undefined;
}

function parseRoots(text: string): readonly RootKind[] {
  const words = text.split(',').map((word) => word.trim());
  const kinds = ROOT_KINDS.filter((kind) => words.includes(kind));
  const unknown = words.find((word) => !(ROOT_KINDS as readonly string[]).includes(word));
  if (unknown !== undefined) {
    throw new Error(`--root ${JSON.stringify(unknown)}: expected some of ${ROOT_KINDS.join(',')}`);
  }
  return kinds;
}

function parseEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return Number(text);
  throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(text)}: expected seconds since 1970`);
}

function readSource(text: string): ImageSource {
  const source = parseSource(text);
  if (!source) throw new Error(`${JSON.stringify(text)} is no source of images; expected ${SOURCE_EXPECTED}`);
  return source;
}

/**
 * Builds an image from a container image.
 * @returns the text to print
 * @throws ConfigError, Error with the remedy
 */
export async function imageBuild(given: ImageBuildArguments, run: BuildRunOptions): Promise<string> {
  const source = readSource(given.source);
  if (!isBuildName(given.name)) {
    throw new Error(`--name ${JSON.stringify(given.name)}: expected letters, digits, ".", "_" and "-", up to 63`);
  }
  const config = await imageConfig(given.config);
  const options: BuildOptions = {
    artifacts: config.artifacts,
    name: given.name,
    source,
    roots: given.root === undefined ? rootsInUse(config, given.name) : parseRoots(given.root),
    architecture: given.arch,
    insecure: given.insecure,
    kernel: given.kernel,
    initrd: given.initrd,
    builder: given.builder === undefined ? undefined : readSource(given.builder),
    media: { uki: at(given.uki), esp: at(given.esp), disk: at(given.disk), args: given.append ?? '' },
    epoch: parseEpoch(given.epoch),
  };
  const built = await buildImage(options, run);
  return given.json ? `${JSON.stringify(toJson(given.name, built), null, 2)}\n` : formatImage(given.name, built);
}

const at = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(path));

function toJson(name: string, { id, same, loader, notes, manifest }: Built): unknown {
  return { name, id, same, ...(loader && { loader }), notes, ...manifest };
}
