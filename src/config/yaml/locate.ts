import { isAlias, isMap, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import type { Path } from '../check/wording.ts';
import { isMergeKey, keyText, offsetOf, type YamlTree } from './read-yaml.ts';

/** A place in a text; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The part of a setting that a problem is about: its key or its value. */
export type Target = 'key' | 'value';

/** Finds settings in the text of a document. */
export interface Locator {
  /**
   * The position of a value or its key. For a missing key or an empty value, the position of its own key, or else of
   * the mapping or list that should hold it.
   */
  locate(path: Path, target: Target): Position;
}

/** Makes a locator. It indexes each mapping on first use. */
export function makeLocator({ contents, aliases, lines }: YamlTree): Locator {
  const indices = new WeakMap<YAMLMap, Map<string, Pair<unknown, Node | null>>>();
  const resolve = (node: unknown): unknown => (isAlias(node) ? aliases.get(node) : node);

  function find(map: YAMLMap, step: string): Pair<unknown, Node | null> | undefined {
    let index = indices.get(map);
    if (!index) {
      index = new Map();
      for (const pair of map.items as Pair<unknown, Node | null>[]) {
        const text = keyText(resolve(pair.key));
        if (text !== undefined && !index.has(text)) index.set(text, pair);
      }
      indices.set(map, index);
    }
    return index.get(step) ?? findMerged(map, step);
  }

  /** Finds a key that a mapping got by a merge key. */
  function findMerged(map: YAMLMap, step: string): Pair<unknown, Node | null> | undefined {
    for (const { key, value } of map.items) {
      if (!isMergeKey(key)) continue;
      const merged = resolve(value);
      for (const each of isSeq(merged) ? merged.items.map(resolve) : [merged]) {
        const found = isMap(each) ? find(each, step) : undefined;
        if (found) return found;
      }
    }
    return undefined;
  }

  function locate(path: Path, target: Target): Position {
    let node: unknown = contents;
    let offset = offsetOf(node);
    for (const [depth, step] of path.entries()) {
      const holder = resolve(node);
      const last = depth === path.length - 1;
      if (isMap(holder)) {
        const pair = find(holder, String(step));
        if (!pair) break;
        node = pair.value;
        const value = pair.value?.range;
        const empty = !value || value[0] === value[1];
        // A mapping or list that lacks something is best found by its key, and so is a missing value.
        const byKey = empty || (last ? target === 'key' : true);
        offset = offsetOf(byKey ? pair.key : pair.value);
      } else if (isSeq(holder)) {
        const item = holder.items[Number(step)];
        if (item === undefined) break;
        node = item;
        offset = offsetOf(node);
      } else break;
    }
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
  return { locate };
}
