import { once } from 'node:events';
import { watch } from 'chokidar';
import { loadConfigAside } from './config/load-aside.ts';
import { watchConfig } from './config/watch.ts';
import { templatesSettled } from './ipxe-templates/load.ts';
import type { Config } from './model/config.ts';
import { formatProblem, type Problem } from './model/config.ts';
import type { RecordEvent } from './model/event.ts';
import { plainMessage } from './model/plain-error.ts';
import { type Snapshot, withTemplates } from './snapshot.ts';

/** How long templates must stay as they are before they are read, milliseconds. */
const SETTLED_MS = 50;

/** Settings and means of {@link watchAll}. */
export interface ReloadOptions {
  readonly file: string;
  /** What is in force at the beginning, and the file's text that it came from. */
  readonly config: Config;
  readonly text: string | undefined;
  readonly record: RecordEvent;
  /** Puts a snapshot in force; rejects where the machine does not allow it, and leaves all as it was. */
  readonly adopt: (snapshot: Snapshot) => Promise<void>;
}

/** A watch over the configuration. */
export interface Reload {
  stop(): Promise<void>;
}

/**
 * Watches the configuration file and the folder of templates. Changes are tried one after the other; a wrong one is
 * recorded, and the last good configuration stays in force.
 */
export async function watchAll(options: ReloadOptions): Promise<Reload> {
  const { file, record, adopt } = options;
  let wanted = options.config;
  let queue = Promise.resolve();
  const templates = watch(wanted.templates ?? [], { ignoreInitial: true });
  // What is saved before the watch is on would be missed.
  const watching = wanted.templates === undefined ? undefined : once(templates, 'ready');

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
      const checked = await withTemplates(config);
      if (!checked.ok) return refuse(checked.problems);
      await adopt(checked.snapshot);
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
    record({ event: 'config.watch', level: 'warn', message: `templates: ${plainMessage(error)}` });
  });
  await watching;
  const config = await watchConfig({
    file,
    text: options.text,
    load: loadConfigAside,
    onConfig: (next) => {
      if (next.templates !== wanted.templates) {
        templates.unwatch(wanted.templates ?? []);
        templates.add(next.templates ?? []);
      }
      wanted = next;
      enqueue();
    },
    onProblems: refuse,
  });

  return {
    async stop() {
      await Promise.all([config.stop(), templates.close()]);
      await queue;
    },
  };
}
