import nunjucks from 'nunjucks';
import { hyphenated } from '../../model/machine/mac.ts';
import type { Problem } from '../../model/settings/config.ts';
import { compileTemplate } from './compile.ts';
import { boundedFilters, range } from './filters.ts';
import { Budget, createGuard } from './guard.ts';

/** A template's text and the file that it was read from. */
export interface TemplateSource {
  readonly file: string;
  readonly text: string;
}

/** Template sources by name: scripts without `.ipxe.njk`, those of other files as they are called. */
export type TemplateSources = ReadonlyMap<string, TemplateSource>;

const SUFFIX = '.ipxe.njk';

/** Whether one of the kernel arguments sets `name` (`ip` is set by `ip=dhcp` and by a bare `ip`). */
function sets(args: readonly string[], name: string): boolean {
  return args.some((arg) => arg.split(/\s+/).some((word) => word === name || word.startsWith(`${name}=`)));
}

/** Compiles sources from memory for nunjucks, so that rendering does not read the disk. */
class MemoryLoader extends nunjucks.Loader implements nunjucks.ILoader {
  /** nunjucks' template objects, by name. */
  readonly cache: object = {};
  private readonly sources: TemplateSources;
  private readonly budget: Budget;

  constructor(sources: TemplateSources, budget: Budget) {
    super();
    this.sources = sources;
    this.budget = budget;
  }

  getSource(name: string): nunjucks.LoaderSource {
    const source = this.sources.get(name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name);
    // nunjucks expects null for a missing template; its types lack it.
    if (!source) return null as unknown as nunjucks.LoaderSource;
    const { file, text } = source;
    const obj = compileTemplate(text, file, (printed) => createGuard(file, this.budget, printed));
    // Code in place of text: its types lack this too.
    return { src: { type: 'code', obj } as unknown as string, path: file, noCache: false };
  }
}

/** nunjucks' tables of filters, tests and functions; its types lack them. */
interface Tables {
  filters: Record<string, (...args: unknown[]) => unknown>;
  tests: object;
  globals: object;
}

/** A copy without a prototype: nunjucks looks names up in prototypes too. */
const bare = (members: object): object => Object.assign(Object.create(null), members);

/** Renders scripts from compiled templates, which can only print. */
export class Templates {
  private readonly sources: TemplateSources;
  private readonly budget = new Budget();
  private readonly environment: nunjucks.Environment;

  constructor(sources: TemplateSources) {
    this.sources = sources;
    const loader = new MemoryLoader(sources, this.budget);
    this.environment = new nunjucks.Environment(loader, {
      autoescape: false,
      throwOnUndefined: true,
      trimBlocks: false,
    });
    const tables = this.environment as unknown as Tables;
    const own = { hyphenated, sets } as unknown as Tables['filters'];
    tables.filters = boundedFilters({ ...tables.filters, ...own }, this.budget);
    tables.tests = bare(tables.tests);
    tables.globals = bare({ ...tables.globals, range });
    Object.assign(loader, { cache: bare({}) });
  }

  /** The names of all templates. */
  get names(): readonly string[] {
    return [...this.sources.keys()];
  }

  /**
   * Renders one script; it ends with one newline.
   * @throws if the template does not exist, is malformed, or prints a variable that does not exist
   */
  render(name: string, variables: object): string {
    this.budget.reset();
    return `${this.environment.render(`${name}${SUFFIX}`, variables).trim()}\n`;
  }

  /**
   * Renders a file that is no script, as it is.
   * @throws as {@link render}
   */
  renderFile(name: string, variables: object): string {
    this.budget.reset();
    return this.environment.render(name, variables);
  }

  /** The problem with the template of a file; undefined if there is none. */
  fileProblem(name: string, variables: object): Problem | undefined {
    try {
      this.renderFile(name, variables);
      return undefined;
    } catch (error) {
      return asProblem(error, this.sources.get(name)?.file ?? name);
    }
  }

  /** The problem with a template for these variables, found by rendering it; undefined if there is none. */
  problem(name: string, variables: object): Problem | undefined {
    const file = this.sources.get(name)?.file ?? `${name}${SUFFIX}`;
    try {
      if (this.render(name, variables).startsWith('#!ipxe')) return undefined;
      // iPXE recognises a script by this line (its image/script.c). A file that is only half saved may lack it.
      return { file, line: 1, column: 1, message: 'gives no iPXE script: expected "#!ipxe" at the beginning' };
    } catch (error) {
      return asProblem(error, file);
    }
  }
}

/** Reads a nunjucks error: `(FILE) [Line 3, Column 7]\n  message`; the parser's errors have the place as members. */
function asProblem(error: unknown, file: string): Problem {
  const text = error instanceof Error ? error.message : String(error);
  const place = /^\((.*?)\)(?: \[Line (\d+), Column (\d+)\])?\s*/.exec(text);
  const { lineno = 1, colno = 1 } = Object(error) as { lineno?: number; colno?: number };
  return {
    file: place?.[1]?.includes('/') ? place[1] : file,
    line: Number(place?.[2] ?? lineno),
    column: Number(place?.[3] ?? colno),
    message: text.slice(place?.[0].length ?? 0).replace(/\s+/g, ' '),
  };
}
