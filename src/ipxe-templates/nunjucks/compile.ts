import { createRequire } from 'node:module';
import nunjucks from 'nunjucks';
import type { Fault, Guard } from './guard.ts';
import { givenNames, isTreeNode, parseTemplate, symbolName, type TreeNode, walk } from './syntax.ts';

/**
 * Compiles templates to JavaScript that can only print. nunjucks' own compiler copies names from the template into its
 * code, lets templates reach the prototypes of values, and has no limits. So names are checked first, and the code uses
 * a {@link Guard} in place of nunjucks' runtime.
 */

/** The functions of a compiled template. */
export type Compiled = Readonly<Record<string, unknown>>;

/** The parts of nunjucks' compiler that are changed here (its src/compiler.js). */
interface NunjucksCompiler {
  compile(node: TreeNode, frame?: unknown): void;
  getCode(): string;
  _emit(code: string): void;
  _emitFuncBegin(node: TreeNode, name: string): void;
  _emitLoopBindings(node: TreeNode, array: string, index: string, length: string): void;
  compileOutput(node: TreeNode, frame: unknown): void;
  compileSet(node: TreeNode, frame: unknown): void;
  compileIf(node: TreeNode, frame: unknown): void;
  compileAdd(node: TreeNode, frame: unknown): void;
  compileConcat(node: TreeNode, frame: unknown): void;
  compileArray(node: TreeNode, frame: unknown): void;
  compileDict(node: TreeNode, frame: unknown): void;
  compileCapture(node: TreeNode, frame: unknown): void;
  compileFilter(node: TreeNode, frame: unknown): void;
}

const { Compiler } = (
  nunjucks as unknown as { compiler: { Compiler: new (name: string, throwing: boolean) => NunjucksCompiler } }
).compiler;
const { transform } = createRequire(import.meta.url)('nunjucks/src/transformer.js') as {
  transform(tree: TreeNode): TreeNode;
};

/** Adds code that counts a template's steps and output, and checks the size of each value that it makes. */
class GuardedCompiler extends Compiler {
  override _emitFuncBegin(node: TreeNode, name: string): void {
    super._emitFuncBegin(node, name);
    this._emit('runtime = guard; runtime.begin(frame);\n');
  }

  override _emitLoopBindings(node: TreeNode, array: string, index: string, length: string): void {
    this._emit('runtime.step();\n');
    super._emitLoopBindings(node, array, index, length);
  }

  override compileOutput(node: TreeNode, frame: unknown): void {
    const fixed = childrenOf(node).filter(({ typename }) => typename === 'TemplateData');
    this._emit(`runtime.wrote(${fixed.reduce((sum, { value }) => sum + String(value).length, 0)});\n`);
    super.compileOutput(node, frame);
  }

  override compileSet(node: TreeNode, frame: unknown): void {
    this._emit('runtime.step();\n');
    super.compileSet(node, frame);
  }

  override compileIf(node: TreeNode, frame: unknown): void {
    this._emit('runtime.step();\n');
    super.compileIf(node, frame);
  }

  override compileAdd(node: TreeNode, frame: unknown): void {
    this.bounded(() => super.compileAdd(node, frame));
  }

  override compileConcat(node: TreeNode, frame: unknown): void {
    this.bounded(() => super.compileConcat(node, frame));
  }

  override compileArray(node: TreeNode, frame: unknown): void {
    this.bounded(() => super.compileArray(node, frame));
  }

  override compileDict(node: TreeNode, frame: unknown): void {
    this.bounded(() => super.compileDict(node, frame));
  }

  override compileCapture(node: TreeNode, frame: unknown): void {
    this.bounded(() => super.compileCapture(node, frame));
  }

  override compileFilter(node: TreeNode, frame: unknown): void {
    // The place for an error in the filter, as nunjucks does it for calls.
    this._emit(`(lineno = ${node.lineno}, colno = ${node.colno}, `);
    super.compileFilter(node, frame);
    this._emit(')');
  }

  private bounded(emit: () => void): void {
    this._emit('runtime.bounded(');
    emit();
    this._emit(')');
  }
}

const childrenOf = (node: TreeNode) => node.children as readonly TreeNode[];

const NAME = /^[A-Za-z_]\w*$/;
/** Asynchronous statements, which templates do not need; they could write names into the code. */
const WAITING = /^(?:AsyncEach|AsyncAll|IfAsync)$/;

const at = ({ lineno, colno }: TreeNode, message: string): Fault => ({ line: lineno + 1, column: colno + 1, message });

/** The literals in the name of a called function: nunjucks copies them into its code for error messages. */
function literalsOfCallee(node: unknown): readonly TreeNode[] {
  if (!isTreeNode(node)) return [];
  if (node.typename === 'Literal') return [node];
  if (node.typename === 'LookupVal') return [...literalsOfCallee(node.target), ...literalsOfCallee(node.val)];
  return node.typename === 'FunCall' ? literalsOfCallee(node.name) : [];
}

/** The name of the test in `x is NAME` or `x is NAME(1)`; words like `none` are literals. */
function isTestName(right: unknown): boolean {
  if (!isTreeNode(right)) return false;
  if (right.typename === 'FunCall') return symbolName(right.name) !== undefined;
  return symbolName(right) !== undefined || (right.typename === 'Literal' && typeof right.value !== 'string');
}

/** The first forbidden part of a tree, with its place; undefined if there is none. */
function forbidden(tree: TreeNode): Fault | undefined {
  for (const node of walk(tree)) {
    const name = symbolName(node);
    if (name !== undefined && !NAME.test(name)) return at(node, `${JSON.stringify(name)} is no name`);
    if (WAITING.test(node.typename)) return at(node, 'templates cannot wait: expected "for" or "if"');
    if (node.typename === 'Literal' && node.value instanceof RegExp)
      return at(node, 'regular expressions are not for templates');
    for (const given of givenNames(node)) {
      const text = symbolName(given);
      if (text === undefined) return at(isTreeNode(given) ? given : node, 'expected a name');
      // nunjucks writes the loop's state into this variable.
      if (text === 'loop') return at(node, '"loop" is the name of the loop\'s own state: expected another');
    }
    if (node.typename === 'Is' && !isTestName(node.right)) return at(node, 'expected the name of a test');
    const odd =
      node.typename === 'FunCall' && literalsOfCallee(node.name).find(({ value }) => !/^\w*$/.test(String(value)));
    if (odd) return at(odd, `${JSON.stringify(odd.value)} is not the name of a function`);
  }
  return undefined;
}

/**
 * Compiles a template.
 * @param makeGuard makes the runtime, from the printed expressions by place
 * @throws the guard's error for forbidden parts; nunjucks' errors for text that is not a template
 */
export function compileTemplate(
  text: string,
  file: string,
  makeGuard: (printed: ReadonlyMap<string, TreeNode>) => Guard,
): Compiled {
  const tree = parseTemplate(text);
  const printed = new Map<string, TreeNode>();
  for (const node of walk(tree)) {
    if (node.typename !== 'Output') continue;
    const value = childrenOf(node).find(({ typename }) => typename !== 'TemplateData');
    if (value) printed.set(`${node.lineno}:${node.colno}`, value);
  }
  const guard = makeGuard(printed);
  const fault = forbidden(tree);
  if (fault) throw guard.fail(fault);
  const compiler = new GuardedCompiler(file, true);
  compiler.compile(transform(tree));
  return new Function('guard', compiler.getCode())(guard) as Compiled;
}
