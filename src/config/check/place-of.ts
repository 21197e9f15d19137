import { makeLocator, type Position } from '../yaml/locate.ts';
import { readYaml } from '../yaml/read-yaml.ts';
import type { Path } from './wording.ts';

/** The place of a setting in the file. */
export interface Place extends Position {
  /** The path as far as it is written: a list of one item may be written as that item. */
  readonly path: Path;
}

/**
 * Finds places in the text of a valid configuration.
 * @returns a function from a path, such as that of `nodes.n001.mac[0]`, to its place, or to that of its nearest holder
 */
export function placesIn(yaml: string): (path: Path) => Place {
  const { tree } = readYaml(yaml.replace(/^\uFEFF/, ''));
  const locator = tree && makeLocator(tree);
  return (path) => {
    let value: unknown = tree?.value;
    const written: (string | number)[] = [];
    for (const step of path) {
      if (typeof value !== 'object' || value === null) break;
      written.push(step);
      value = (value as Record<string | number, unknown>)[step];
    }
    return { path: written, ...(locator?.locate(written, 'value') ?? { line: 1, column: 1 }) };
  };
}

/** The path of an argument from its source, such as `profiles.compute.args[0]`; names may have dots. */
export function pathOfArgument(from: string): Path {
  const [, section = '', name = '', index = '0'] = /^(\w+)\.(.+)\.args\[(\d+)\]$/.exec(from) ?? [];
  return [section, name, 'args', Number(index)];
}
