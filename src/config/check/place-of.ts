import { makeLocator, type Position } from '../yaml/locate.ts';
import { readYaml } from '../yaml/read-yaml.ts';
import type { Path } from './wording.ts';

/** A setting as it is written. */
export interface Place extends Position {
  /** Ends with what is written: a list of one may be written as that one alone. */
  readonly path: Path;
}

/**
 * Finds places in the text of a configuration that has no faults.
 * @returns what gives the place of a setting such as `nodes.n001.mac[0]`, or of the nearest thing that is written
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

/** The path of an argument as settings tell where it is from: `profiles.compute.args[0]`; names may have dots. */
export function pathOfArgument(from: string): Path {
  const [, section = '', name = '', index = '0'] = /^(\w+)\.(.+)\.args\[(\d+)\]$/.exec(from) ?? [];
  return [section, name, 'args', Number(index)];
}
