import type { Problem } from '../../model/settings/config.ts';
import type { TemplateSource } from './render.ts';
import { givenNames, isTreeNode, parseTemplate, symbolName, type TreeNode, walk } from './syntax.ts';

/** Variables and their members; `true` if any member is allowed. */
const KNOWN: Readonly<Record<string, true | readonly string[]>> = {
  server: ['address', 'url'],
  mac: [],
  node: ['name', 'hostname'],
  image: [],
  kernel: ['url', 'name', 'sha256', 'bytes'],
  initrds: true,
  root: true,
  root_args: true,
  args: true,
  vars: true,
  on_failure: ['action', 'after'],
  memory: ['root', 'machine'],
  report_url: [],
  configuration: ['url', 'nocloud', 'seed', 'ignition'],
  menu: ['images', 'local', 'default', 'timeout'],
  script_url: [],
  // nunjucks' own
  loop: true,
  super: true,
  range: true,
  cycler: true,
  joiner: true,
  caller: true,
};

/** The names that a template defines: loop variables, `set`, macros and their arguments, imports. */
function ownNames(tree: TreeNode): ReadonlySet<string> {
  const names = new Set<string>();
  for (const node of walk(tree)) {
    for (const given of givenNames(node)) {
      const name = symbolName(given);
      if (name !== undefined) names.add(name);
    }
  }
  return names;
}

/**
 * Finds undefined names in a template, also in branches that no machine takes now. A template that does not parse gives
 * none: rendering it reports the mistake.
 */
export function unknownVariables({ file, text }: TemplateSource): readonly Problem[] {
  let tree: TreeNode;
  try {
    tree = parseTemplate(text);
  } catch {
    return [];
  }
  const own = ownNames(tree);
  // Filter, test and block names are symbols of the tree as well.
  const labels = new Set<unknown>();
  for (const node of walk(tree)) {
    if (node.typename === 'Filter' || node.typename === 'Block' || node.typename === 'Is')
      labels.add(node.name ?? node.right);
  }
  const problems: Problem[] = [];
  const report = (node: TreeNode, name: string, known: readonly string[]) =>
    problems.push({
      file,
      line: node.lineno + 1,
      column: node.colno + 1,
      message: `no variable "${name}" exists; expected one of: ${known.join(', ')}`,
    });
  for (const node of walk(tree)) {
    const name = symbolName(node);
    if (name !== undefined && !labels.has(node) && !own.has(name) && !Object.hasOwn(KNOWN, name)) {
      report(node, name, Object.keys(KNOWN).slice(0, -6));
    }
    if (node.typename !== 'LookupVal') continue;
    const target = symbolName(node.target);
    const members =
      target !== undefined && !own.has(target) && Object.hasOwn(KNOWN, target) ? KNOWN[target] : undefined;
    const member = isTreeNode(node.val) && node.val.typename === 'Literal' ? String(node.val.value) : undefined;
    if (members && members !== true && members.length > 0 && member !== undefined && !members.includes(member)) {
      report(
        node,
        `${target}.${member}`,
        members.map((each) => `${target}.${each}`),
      );
    }
  }
  return problems;
}
