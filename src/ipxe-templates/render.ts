import nunjucks from 'nunjucks';
import type { Problem } from '../model/config.ts';
import { hyphenated, type Mac } from '../model/mac.ts';

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

/** Gives nunjucks the sources that were read beforehand, so that rendering never touches the disk. */
class MemoryLoader extends nunjucks.Loader implements nunjucks.ILoader {
  private readonly sources: TemplateSources;

  constructor(sources: TemplateSources) {
    super();
    this.sources = sources;
  }

  getSource(name: string): nunjucks.LoaderSource {
    const source = this.sources.get(name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name);
    // nunjucks expects null for a template that does not exist, which its types do not know.
    if (!source) return null as unknown as nunjucks.LoaderSource;
    return { src: source.text, path: source.file, noCache: false };
  }
}

/** Renders scripts from compiled templates. */
export class Templates {
  private readonly sources: TemplateSources;
  private readonly environment: nunjucks.Environment;

  constructor(sources: TemplateSources) {
    this.sources = sources;
    this.environment = new nunjucks.Environment(new MemoryLoader(sources), {
      autoescape: false,
      throwOnUndefined: true,
      trimBlocks: false,
    });
    this.environment.addFilter('hyphenated', (mac: Mac) => hyphenated(mac));
    this.environment.addFilter('sets', sets);
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
    message: text
      .slice(place?.[0].length ?? 0)
      .replace('attempted to output null or undefined value', 'prints a variable that has no value here')
      .replace(/\s+/g, ' '),
  };
}
