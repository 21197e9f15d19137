import { bootFileFolders } from '../../artifacts/boot-files.ts';
import { type FoundBuild, usedArtifacts, usedBuilds } from '../../model/boot/used-files.ts';
import { formatProblem, sampleMatches } from '../../model/settings/config.ts';
import { missingTemplates } from './checked-config.ts';
import type { DaemonOptions, ServingState } from './serving-state.ts';

/**
 * Examines all files that nodes will request: logs missing ones, and computes digests beforehand.
 * @returns the builds of images, by the image's name
 */
export async function prepare(
  state: ServingState,
  { record }: DaemonOptions,
): Promise<ReadonlyMap<string, FoundBuild>> {
  for (const message of missingBinaries(state)) record({ event: 'bootfile.missing', level: 'warn', message });
  const missing = state.missing.map((problem) => `${formatProblem(problem)}; its machines do not boot`);
  for (const message of [...missing, ...missingTemplates(state.config)]) {
    record({ event: 'config.warning', level: 'warn', message });
  }
  const builds = new Map<string, FoundBuild>();
  await Promise.all(
    usedBuilds(state.config).map(async (image) => {
      const build = await state.versions.build(image).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== undefined) throw error;
        const message = `images.${image.name} is the build ${image.build?.name}, which cannot be served: ${error.message}`;
        record({ event: 'artifact.missing', level: 'warn', message, path: image.build?.name });
        return 'missing' as const;
      });
      builds.set(image.name, build);
    }),
  );
  await Promise.all(
    usedArtifacts(state.config, builds).map(async (needed) => {
      await state.versions.pin(needed).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== undefined) throw error;
        const message = `${needed.from} names ${needed.path}, which cannot be served: ${error.message}`;
        record({ event: 'artifact.missing', level: 'warn', message, path: needed.path });
      });
    }),
  );
  return builds;
}

/** Messages about iPXE binaries that PCs would fetch but this server lacks, each with the remedy. */
function missingBinaries({ config, bootFiles }: ServingState): readonly string[] {
  const { server } = config;
  if (server.dhcp.mode === 'off' && server.tftp === false) return [];
  const chosen = sampleMatches(config).map(({ settings }) => settings.ipxe.value);
  return [...new Set(['undionly.kpxe', ...chosen])]
    .filter((name) => !bootFiles.has(name))
    .map(
      (name) =>
        `there is no ${name} (iPXE) in ${bootFileFolders(server.ipxe).join(', ')}: ` +
        `install Debian's package ipxe or Fedora's ipxe-bootimgs-x86, or name a folder with server.ipxe`,
    );
}
