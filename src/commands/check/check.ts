import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { bootFileFolders, findBootFiles } from '../../artifacts/boot-files.ts';
import { placesIn } from '../../config/check/place-of.ts';
import { formatPath } from '../../config/check/wording.ts';
import { findMisfits } from '../../daemon/fit/find-misfits.ts';
import { findLineFaults } from '../../daemon/fit/kernel-lines.ts';
import { createFactReader } from '../../daemon/fit/read-facts.ts';
import { type CheckedConfig, loadCheckedConfig, missingTemplates } from '../../daemon/serving/checked-config.ts';
import { readBuiltFiles } from '../../images/store/built-files.ts';
import { rootOf } from '../../model/boot/build.ts';
import { type FoundBuild, usedArtifacts, usedBuilds, withFoundRoots } from '../../model/boot/used-files.ts';
import type { Config } from '../../model/settings/config.ts';
import { formatProblem } from '../../model/settings/config.ts';
import { asJson } from '../json.ts';
import { describeNodes, formatNodes } from './describe-nodes.ts';
import { fileWarnings } from './file-warnings.ts';
import { ruleWarnings } from './rule-warnings.ts';
import { secretWarnings } from './secret-warnings.ts';
import { settingWarnings, type Warning } from './setting-warnings.ts';

/** The builds that machines boot, by the image's name. */
async function findBuilds(config: Config): Promise<ReadonlyMap<string, FoundBuild>> {
  const found = usedBuilds(config).map(async ({ name, build }) => {
    return [name, (await readBuiltFiles(config.artifacts, build?.name ?? name)) ?? ('missing' as const)] as const;
  });
  return new Map(await Promise.all(found));
}

/** Warnings about missing files of images: their nodes cannot boot, but the server runs. */
async function missingFiles(config: Config, builds: ReadonlyMap<string, FoundBuild>): Promise<readonly string[]> {
  const messages: string[] = [];
  for (const { name, build: use } of usedBuilds(config)) {
    const [build, what] = [builds.get(name), `images.${name} is the build ${use?.name}`];
    if (build === 'missing') messages.push(`${what}, which is not in ${config.artifacts}`);
    else if (use && build && !rootOf({ build: use }, build))
      messages.push(`${what}, which was built without this root: build it with another --root`);
  }
  for (const { path, form, from } of usedArtifacts(config, builds)) {
    const file = form === 'image' ? join(path.slice('oci:'.length), 'manifest.json') : path;
    await access(join(config.artifacts, file)).catch(() => {
      messages.push(`${from} names ${path}, which is not in ${config.artifacts}`);
    });
  }
  return messages;
}

/** Warnings about images and machines that do not fit each other. */
async function misfits(config: Config, builds: ReadonlyMap<string, FoundBuild>): Promise<readonly Warning[]> {
  const bootFiles = await findBootFiles(bootFileFolders(config.server.ipxe), () => {});
  return findMisfits({ config, builds, bootFiles, readFacts: createFactReader(), machine: () => ({}) });
}

/** Warnings about settings that are valid but probably mistakes, in the order of the file. */
async function warningsOf(
  file: string,
  text: string,
  { config, templates }: CheckedConfig,
  builds: ReadonlyMap<string, FoundBuild>,
): Promise<readonly string[]> {
  const warnings = [
    ...ruleWarnings(config),
    ...settingWarnings(config),
    ...(await findLineFaults(config, templates)),
    ...(await fileWarnings(config)),
    ...(await secretWarnings(config)),
    ...(await misfits(config, builds)),
  ];
  if (warnings.length === 0) return [];
  const placeOf = placesIn(text);
  return warnings
    .map(({ path: meant, message }) => {
      const { path, ...place } = placeOf(meant);
      return { file, ...place, message: `${formatPath(path)}: ${message}` };
    })
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(formatProblem);
}

/**
 * Validates a configuration, and describes its nodes.
 * @returns the text to print, and whether the configuration can be used; missing files are warnings
 */
export async function checkConfig(
  file: string,
  json: boolean,
): Promise<{ readonly text: string; readonly ok: boolean }> {
  const loaded = await loadCheckedConfig(file);
  const problems = loaded.ok ? loaded.checked.missing : loaded.problems;
  const ok = problems.length === 0;
  const read = loaded.ok ? loaded.checked.config : undefined;
  const builds = read && (await findBuilds(read));
  const config = read && builds && withFoundRoots(read, builds);
  const warnings = config && builds ? [...missingTemplates(config), ...(await missingFiles(config, builds))] : [];
  if (loaded.ok) warnings.push(...(await warningsOf(file, loaded.text ?? '', loaded.checked, builds ?? new Map())));
  if (json) {
    const nodes = config ? describeNodes(config) : [];
    return { text: asJson({ ok, problems, warnings, nodes }), ok };
  }
  if (!ok || !config) return { text: `${problems.map(formatProblem).join('\n')}\n`, ok: false };
  const lines = [formatNodes(config).trimEnd(), ...warnings.map((warning) => `warning: ${warning}`), `${file}: valid`];
  return { text: `${lines.join('\n')}\n`, ok: true };
}
