import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { type LocatedFile, openInside } from '../../artifacts/open-file.ts';
import { initrdModulesOf } from '../../images/output/initrd-modules.ts';
import { readManifest } from '../../images/store/manifest.ts';
import { KIND_BYTES, kindOf } from '../../images/tools/file-kind.ts';
import { readKernelHeader } from '../../images/tools/kernel-header.ts';
import { createTools } from '../../images/tools/tool-run.ts';
import { fileOfBuild } from '../../model/boot/build.ts';
import type { ImageFacts } from '../../model/boot/fit/facts.ts';
import type { RootFile } from '../../model/boot/fit/memory.ts';
import type { Image, Source } from '../../model/boot/image.ts';
import { readBytes } from '../../model/files/random-access.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';
import { architectureOfPlatform } from '../../model/machine/architecture.ts';

/** Versions of initrds whose modules are remembered. */
const REMEMBERED = 200;

type Modules = readonly string[] | undefined;

/** Reads what an image's files say of themselves. What cannot be read is unknown: other checks report it. */
export type FactReader = (artifacts: string, image: Image) => Promise<ImageFacts>;

/**
 * Uses an artifact.
 * @returns undefined where it is missing, is no file, or cannot be read
 */
async function withArtifact<T>(
  artifacts: string,
  source: Source,
  use: (located: LocatedFile) => Promise<T>,
): Promise<T | undefined> {
  if (source.kind !== 'artifact') return undefined;
  try {
    const opened = await openInside(await realpath(artifacts), source.path);
    if (!opened.ok) return undefined;
    try {
      return await use(opened);
    } finally {
      await opened.file.close();
    }
  } catch {
    return undefined;
  }
}

const startOf = ({ file }: LocatedFile): Promise<Buffer> => readBytes(file, 0, KIND_BYTES);

/** Whether the file is an archive of compressed layers, or compressed itself. */
function isPacked(start: Buffer): boolean {
  // An OCI archive has these as its first members, in whatever order.
  return (
    kindOf(start) !== 'tar' || /^(?:\.\/)?(?:blobs\/|oci-layout|index\.json)/.test(start.toString('latin1', 0, 32))
  );
}

/** What the manifest of a build says. */
async function factsOfBuild(artifacts: string, { build, root }: Image): Promise<ImageFacts> {
  const name = build?.name ?? '';
  const read = build && (await readManifest(join(artifacts, name, 'manifest.json')).catch(() => undefined));
  if (!read) return {};
  const { architecture, initrd, roots, unpacked } = read.manifest;
  const file = root.source?.kind === 'artifact' ? fileOfBuild(name, root.source.path) : undefined;
  const found = Object.values(roots).find((each) => each.file === file);
  // The archive that is composed of an image's blobs has no size before it is sent.
  const composed = root.source?.kind === 'image' && root.source.name === name;
  return {
    architecture: architectureOfPlatform(architecture),
    modules: Array.isArray(initrd.modules) ? initrd.modules : undefined,
    initrd: initrd.size,
    ...(found || composed ? { root: { bytes: found?.size ?? 0, unpacked, packed: true } } : {}),
  };
}

/** The programs that unpack initrds are the system's own. */
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin' };

export function createFactReader(): FactReader {
  const tools = createTools(ENVIRONMENT);
  const known = new Map<string, Modules>();
  const modulesOf = async ({ file, realPath }: LocatedFile): Promise<Modules> => {
    const key = `${realPath}\0${file.stamp}`;
    if (!known.has(key)) known.set(key, await initrdModulesOf(tools, realPath));
    dropOldest(known, REMEMBERED);
    return known.get(key);
  };
  const readInitrd = (artifacts: string, source: Source) =>
    withArtifact(artifacts, source, async (each) => ({ size: each.file.size, modules: await modulesOf(each) }));

  return async (artifacts, image) => {
    // Another program's manifest.json may lack all of this.
    const built = await factsOfBuild(artifacts, image).catch((): ImageFacts => ({}));
    const header = await withArtifact(artifacts, image.kernel, async (each) => readKernelHeader(await startOf(each)));
    const initrds = built.modules ? [] : await Promise.all(image.initrd.map((source) => readInitrd(artifacts, source)));
    // A unified kernel image has an initrd of its own.
    const whole = !header?.unified && initrds.length > 0 && initrds.every((each) => each?.modules !== undefined);
    const root = image.root.source && (await withArtifact(artifacts, image.root.source, readRoot));
    return {
      architecture: header?.architecture ?? built.architecture,
      unified: header?.unified,
      modules: built.modules ?? (whole ? initrds.flatMap((each) => each?.modules ?? []) : undefined),
      initrd: built.initrd ?? initrds.reduce((sum, each) => sum + (each?.size ?? 0), 0),
      root: built.root ?? root,
    };
  };
}

async function readRoot(located: LocatedFile): Promise<RootFile> {
  return { bytes: located.file.size, packed: isPacked(await startOf(located)) };
}
