import { isAlias, isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';

/** A node that is to be added to a configuration. */
export interface NewNode {
  readonly name: string;
  readonly mac: string;
  readonly profile?: string | undefined;
  readonly image?: string | undefined;
}

/** The text of the file with the node, or the reason why it cannot be added to it. */
export type Edited = { readonly text: string } | { readonly problem: string };

const settingsOf = ({ mac, profile, image }: NewNode): readonly string[] => [
  `mac: ${mac}`,
  ...(profile === undefined ? [] : [`profile: ${profile}`]),
  ...(image === undefined ? [] : [`image: ${image}`]),
];

/** The node in block style. @param indent blanks before its name */
function block(node: NewNode, indent: string): string {
  return [`${indent}${node.name}:`, ...settingsOf(node).map((line) => `${indent}  ${line}`), ''].join('\n');
}

const withNewline = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

function insert(text: string, at: number, added: string): string {
  return text.slice(0, at) + added + text.slice(at);
}

/** The start of the line behind an offset, where that is not the start of one itself. */
function nextLine(text: string, offset: number): number {
  if (text[offset - 1] === '\n') return offset;
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}

/** Blanks before the first key of a mapping. */
function indentOf(text: string, map: YAMLMap): string {
  const key = map.items[0]?.key as { range?: [number, number, number] } | undefined;
  const start = key?.range?.[0] ?? 0;
  return ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
}

function endOf({ key, value }: Pair<unknown, unknown>): number {
  const [node, other] = [value, key] as { range?: [number, number, number] | null }[];
  return node?.range?.[1] ?? other?.range?.[1] ?? 0;
}

function intoMap(text: string, map: YAMLMap, node: NewNode): Edited {
  if (map.items.some(({ key }) => isScalar(key) && String(key.source ?? key.value) === node.name)) {
    return { problem: `there is a node ${JSON.stringify(node.name)} already` };
  }
  if (map.flow) {
    const end = (map.range?.[1] ?? 0) - 1;
    const body = text.slice(map.range?.[0] ?? 0, end).trimEnd();
    const comma = map.items.length === 0 || body.endsWith(',') ? '' : ',';
    const before = (map.range?.[0] ?? 0) + body.length;
    return { text: insert(text, before, `${comma} ${node.name}: { ${settingsOf(node).join(', ')} }`) };
  }
  const last = map.items.at(-1);
  if (!last) return { problem: 'the section nodes: cannot be read' };
  const whole = withNewline(text);
  return { text: insert(whole, nextLine(whole, endOf(last)), block(node, indentOf(text, map))) };
}

/**
 * Adds a node to the text of a configuration: only its lines are new, all others stay as they are, with comments.
 * Whether the result is valid is for the caller to check.
 */
export function addNode(text: string, node: NewNode): Edited {
  const document = parseDocument(text);
  if (document.errors.length > 0) return { problem: 'the file is no valid YAML: "slipway check" says where' };
  const root = document.contents;
  const section = `nodes:\n${block(node, '  ')}`;
  if (root === null) return { text: withNewline(text) + section };
  if (!isMap(root) || root.flow) return { problem: 'the file is not written as lines of "key: value"' };
  const pair = (root as YAMLMap).items.find(({ key }) => isScalar(key) && key.value === 'nodes');
  if (!pair) return { text: withNewline(text) + section };
  if (isMap(pair.value)) return intoMap(text, pair.value as YAMLMap, node);
  if (isAlias(pair.value)) return { problem: 'the section nodes: is an alias: add the node where its anchor is' };
  const whole = withNewline(text);
  return {
    text: insert(whole, nextLine(whole, endOf({ key: pair.key, value: undefined } as never)), block(node, '  ')),
  };
}
