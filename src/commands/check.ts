import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describeNodes, formatNodes } from '../config/describe.ts';
import type { Config } from '../model/config.ts';
import { formatProblem } from '../model/config.ts';
import { loadSnapshot } from '../snapshot.ts';
import { missingTemplates, usedArtifacts } from '../world.ts';

/** Files that images name and that are not there: the node would wait in vain, but the server runs. */
async function missingFiles(config: Config): Promise<readonly string[]> {
  const missing = await Promise.all(
    [...usedArtifacts(config)].map(async ([path, from]) => {
      const file = join(config.artifacts, path);
      return access(file).then(
        () => [],
        () => [`${from} names ${path}, which is not in ${config.artifacts}`],
      );
    }),
  );
  return missing.flat();
}

/**
 * Validates a configuration and tells what it means.
 * @returns the text to print, and whether the configuration can be used; missing files are warnings
 */
export async function checkConfig(
  file: string,
  json: boolean,
): Promise<{ readonly text: string; readonly ok: boolean }> {
  const loaded = await loadSnapshot(file);
  const problems = loaded.ok ? [] : loaded.problems;
  const config = loaded.ok ? loaded.snapshot.config : undefined;
  const warnings = config ? [...missingTemplates(config), ...(await missingFiles(config))] : [];
  if (json) {
    const nodes = config ? describeNodes(config) : [];
    return { text: `${JSON.stringify({ ok: loaded.ok, problems, warnings, nodes }, null, 2)}\n`, ok: loaded.ok };
  }
  if (!config) return { text: `${problems.map(formatProblem).join('\n')}\n`, ok: false };
  const lines = [formatNodes(config).trimEnd(), ...warnings.map((warning) => `warning: ${warning}`), `${file}: valid`];
  return { text: `${lines.join('\n')}\n`, ok: true };
}
