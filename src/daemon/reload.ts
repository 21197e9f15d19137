import { watch } from 'chokidar';
import { loadConfigAside } from '../config/load/load-in-thread.ts';
import { watchConfig } from '../config/watch.ts';
import { templatesSettled } from '../ipxe-templates/nunjucks/load.ts';
import type { RecordEvent } from '../model/event.ts';
import { plainMessage } from '../model/plain-error.ts';
import type { Config } from '../model/settings/config.ts';
import { formatProblem, type Problem } from '../model/settings/config.ts';
import { type CheckedConfig, withTemplates } from './serving/checked-config.ts';

/** Milliseconds without a change before templates are read. */
const SETTLED_MS = 50;

/** Options of {@link watchAll}. */
export interface ReloadOptions {
  readonly file: string;
  /** The configuration in force at the start. */
  readonly config: Config;
  /** The file's text that it came from. */
  readonly text: string | undefined;
  /** The other files that belong to it. */
  readonly others: readonly string[];
  readonly record: RecordEvent;
  /** Puts a configuration in force; rejects if the machine does not allow it, and then changes nothing. */
  readonly adopt: (checked: CheckedConfig) => Promise<void>;
}

/** A watch over the configuration. */
export interface Reload {
  /** Reads configuration and templates though no change was seen; resolves when they are in force, or refused. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Watches the configuration file and the folder of templates. Changes are handled one after the other. A change with
 * mistakes is recorded, and the last good configuration stays in force.
 */
export async function watchAll(options: ReloadOptions): Promise<Reload> {
  const { file, record, adopt } = options;
  let wanted = options.config;
  let queue = Promise.resolve();
  const templates = watch(wanted.templates ?? [], {
    ignoreInitial: true,
    // Templates are in the folder itself; a folder or link in it may lead to the whole disk.
    depth: 0,
    ignored: (path, stats) => path !== wanted.templates && (!path.endsWith('.njk') || stats?.isDirectory() === true),
  });
  // Changes before the watch is ready would be missed.
  const watching =
    wanted.templates === undefined
      ? undefined
      : // Not events.once, which rejects when a folder cannot be watched.
        new Promise((resolve) => templates.once('ready', () => resolve(undefined)));

  const refuse = (problems: readonly Problem[]) => {
    for (const problem of problems) {
      const { file: place, line, column } = problem;
      record({ event: 'config.problem', level: 'error', message: formatProblem(problem), file: place, line, column });
    }
    const message = `${file}: ${problems.length} problem(s); the last good configuration stays in force`;
    record({ event: 'config.refused', level: 'error', message });
  };

  const attempt = async () => {
    const config = wanted;
    try {
      if (config.templates !== undefined) await templatesSettled(config.templates, SETTLED_MS);
      const result = await withTemplates(config);
      if (!result.ok) return refuse(result.problems);
      await adopt(result.checked);
      const message = `${file}: a new configuration with ${config.nodes.length} node(s) is in force`;
      record({ event: 'config.loaded', level: 'info', message, nodes: config.nodes.length });
    } catch (error) {
      const message = `${plainMessage(error)}; the last good configuration stays in force`;
      record({ event: 'config.refused', level: 'error', message });
    }
  };
  const enqueue = () => {
    queue = queue.then(attempt);
  };

  templates.on('all', (_event, path) => {
    if (path.endsWith('.njk')) enqueue();
  });
  templates.on('error', (error) => {
    const message = `templates: ${plainMessage(error)}; changes there take effect after a restart, or with the next change of ${file}`;
    record({ event: 'config.watch', level: 'warn', message });
  });
  await watching;
  const config = await watchConfig({
    file,
    text: options.text,
    others: options.others,
    load: loadConfigAside,
    onConfig: (next) => {
      const before = wanted.templates;
      wanted = next;
      if (next.templates !== before) {
        templates.unwatch(before ?? []);
        templates.add(next.templates ?? []);
      }
      enqueue();
    },
    onProblems: refuse,
    onUnwatched: (message) => record({ event: 'config.watch', level: 'warn', message }),
  });

  return {
    async reload() {
      await config.reload();
      await queue;
    },
    async stop() {
      await Promise.all([config.stop(), templates.close()]);
      await queue;
    },
  };
}
