import nunjucks from 'nunjucks';

/** A node of nunjucks' syntax tree, with the parts that are read here; its types lack them. */
export interface TreeNode {
  readonly typename: string;
  /** From 0. */
  readonly lineno: number;
  readonly colno: number;
  readonly fields: readonly string[];
  readonly [field: string]: unknown;
}

const { parser } = nunjucks as unknown as { parser: { parse(text: string): TreeNode } };

/** The syntax tree of a template. @throws nunjucks' error, with the place in its text */
export const parseTemplate = (text: string): TreeNode => parser.parse(text);

export function isTreeNode(value: unknown): value is TreeNode {
  return typeof value === 'object' && value !== null && 'typename' in value;
}

/** Every node of a tree, parents first. */
export function* walk(value: unknown): Generator<TreeNode> {
  if (Array.isArray(value)) for (const item of value) yield* walk(item);
  if (!isTreeNode(value)) return;
  yield value;
  for (const field of value.fields) yield* walk(value[field]);
}

/** The name in a symbol node; undefined for other nodes. */
export const symbolName = (value: unknown): string | undefined =>
  isTreeNode(value) && value.typename === 'Symbol' ? String(value.value) : undefined;

/** The nodes of a list, or of a node that has children. */
const items = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : isTreeNode(value) ? (value.children as readonly unknown[]) : [];

/** The nodes of names that a statement defines. Each must be a symbol. */
export function givenNames(node: TreeNode): readonly unknown[] {
  switch (node.typename) {
    case 'For':
      return isTreeNode(node.name) && node.name.typename === 'Array' ? items(node.name) : [node.name];
    case 'Set':
      return items(node.targets);
    case 'Macro':
    case 'Caller':
      return [node.name, ...items(node.args).flatMap((arg) => (isDict(arg) ? items(arg).map(keyOf) : [arg]))];
    case 'Import':
      return [node.target];
    case 'FromImport':
      return items(node.names).flatMap((name) => (isPair(name) ? [name.key, name.value] : [name]));
    default:
      return [];
  }
}

const isDict = (value: unknown) => isTreeNode(value) && /^(?:Dict|KeywordArgs)$/.test(value.typename);
const isPair = (value: unknown): value is TreeNode => isTreeNode(value) && value.typename === 'Pair';
const keyOf = (value: unknown) => (isPair(value) ? value.key : value);

/** A chain of members as text, such as `vars.rack`, and its first node; undefined for other nodes. */
export function memberChain(value: unknown): { readonly text: string; readonly start: TreeNode } | undefined {
  if (!isTreeNode(value)) return undefined;
  if (value.typename === 'Symbol') return { text: String(value.value), start: value };
  // A filter's first argument is the filtered value.
  if (value.typename === 'Filter') return memberChain(items(value.args)[0]);
  if (value.typename !== 'LookupVal') return undefined;
  const target = memberChain(value.target);
  const member = isTreeNode(value.val) && value.val.typename === 'Literal' ? String(value.val.value) : undefined;
  return target && member !== undefined ? { ...target, text: `${target.text}.${member}` } : undefined;
}
