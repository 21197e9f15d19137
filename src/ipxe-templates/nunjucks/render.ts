import nunjucks from 'nunjucks';
import type { Problem } from '../../model/config.ts';
import { hyphenated } from '../../model/mac.ts';
import { compileTemplate } from './compile.ts';
import { boundedFilters, range } from './filters.ts';
import { Budget, createGuard } from './guard.ts';

/** A template's text and the file that it was read from. */
export interface TemplateSource {
  readonly file: string;
  readonly text: string;
}

/** Template sources by name, without `.ipxe.njk`. */
export type TemplateSources = ReadonlyMap<string, TemplateSource>;

const SUFFIX = '.ipxe.njk';

/** Whether one of the kernel arguments sets `name` (`ip` is set by `ip=dhcp` and by a bare `ip`). */
function sets(args: readonly string[], name: string): boolean {
  return args.some((arg) => arg.split(/\s+/).some((word) => word === name || word.startsWith(`${name}=`)));
}

/** Gives nunjucks the sources that were read beforehand, compiled, so that rendering never touches the disk. */
class MemoryLoader extends nunjucks.Loader implements nunjucks.ILoader {
  /** Templates that nunjucks has made, by name. */
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
    // nunjucks expects null for a template that does not exist, which its types do not know.
    if (!source) return null as unknown as nunjucks.LoaderSource;
    const { file, text } = source;
    const obj = compileTemplate(text, file, (printed) => createGuard(file, this.budget, printed));
    // Code in place of a text: its types do not know that either.
    return { src: { type: 'code', obj } as unknown as string, path: file, noCache: false };
  }
}

/** What nunjucks keeps its filters, tests and functions in; its types do not tell. */
interface Tables {
  filters: Record<string, (...args: unknown[]) => unknown>;
  tests: object;
  globals: object;
}

/** An object that has its own members only: nunjucks looks names up without asking whose they are. */
const bare = (members: object): object => Object.assign(Object.create(null), members);

/** Renders scripts from compiled templates, which can print what they are given and do nothing else. */
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
   * @throws where the template does not exist, is malformed, or prints a variable that does not exist
   */
  render(name: string, variables: object): string {
    this.budget.reset();
    return `${this.environment.render(`${name}${SUFFIX}`, variables).trim()}\n`;
  }

  /** Renders for the sake of its faults: what is wrong with a template for these variables, or undefined. */
  problem(name: string, variables: object): Problem | undefined {
    const file = this.sources.get(name)?.file ?? `${name}${SUFFIX}`;
    try {
      if (this.render(name, variables).startsWith('#!ipxe')) return undefined;
      // What iPXE knows a script by (its image/script.c); a file that is only half saved has none either.
      return { file, line: 1, column: 1, message: 'gives no iPXE script: expected "#!ipxe" at the beginning' };
    } catch (error) {
      return asProblem(error, file);
    }
  }
}

/** nunjucks puts file, line and column into the text of its errors: `(FILE) [Line 3, Column 7]\n  message`. */
function asProblem(error: unknown, file: string): Problem {
  const text = error instanceof Error ? error.message : String(error);
  const place = /^\((.*?)\)(?: \[Line (\d+), Column (\d+)\])?\s*/.exec(text);
  return {
    file: place?.[1]?.includes('/') ? place[1] : file,
    line: Number(place?.[2] ?? 1),
    column: Number(place?.[3] ?? 1),
    message: text.slice(place?.[0].length ?? 0).replace(/\s+/g, ' '),
  };
}
