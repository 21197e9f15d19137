import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { SECRET } from '../../model/configuration/merge.ts';
import { escapeText, quote } from '../check/wording.ts';

/** A mistake at an offset into the text. */
interface Flaw {
  readonly offset: number;
  readonly message: string;
}

/** A YAML document as plain values, with the library's nodes, to find values in the text. */
export interface YamlTree {
  /** Objects, arrays, strings, numbers, booleans and null; undefined for an empty document. */
  readonly value: unknown;
  readonly contents: Node | null;
  /** The node that each alias refers to. */
  readonly aliases: ReadonlyMap<Alias, Node>;
  readonly lines: LineCounter;
}

const TAGS = new Set(['map', 'seq', 'str', 'int', 'float', 'bool', 'null'].map((t) => `tag:yaml.org,2002:${t}`));

/** Deepest nesting: more than any configuration needs, and safe for every recursion. */
const MAX_DEPTH = 50;

/** Most values that aliases may add: ten lines could otherwise expand to billions. */
const MAX_ALIASED = 1_000_000;

/** Keys of sections, with their depths in the file. */
type Sections = readonly { readonly name: string; readonly depths: readonly number[] }[];

/** The sections in which texts have lines, and secrets are: of the file, or of a profile or node. */
const FREE: Sections = [
  { name: 'configuration', depths: [0, 2] },
  { name: 'containers', depths: [2] },
  { name: 'stores', depths: [0] },
];
/** Those in which secrets are; which values may be one, the schema says. */
const SECRETS: Sections = [
  { name: 'root', depths: [2] },
  { name: 'mirrors', depths: [2] },
  { name: 'traces', depths: [0] },
  { name: 'webhooks', depths: [0] },
];

const isIn = (sections: Sections, key: string | undefined, depth: number): boolean =>
  sections.some(({ name, depths }) => name === key && depths.includes(depth));

const FREE_NAMES = '"configuration:", "containers:" or "stores:"';

/** The characters that no value may have: control characters, line breaks, halves of surrogate pairs. */
export const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\p{Surrogate}]/u;

/** What a secret's tag stands before: a file, or a variable of the server's environment. */
const SECRET_SOURCE = /^(?:file:\S.*|env:[A-Za-z_][A-Za-z0-9_]*)$/;

/** The name of the first forbidden character: a control character, or half a surrogate pair. */
function forbidden(text: string): string | undefined {
  const code = FORBIDDEN.exec(text)?.[0]?.charCodeAt(0);
  if (code === undefined) return undefined;
  const kind =
    code === 10 || code === 13 || code === 0x2028 || code === 0x2029 ? 'a line break' : 'a control character';
  return `${code >= 0xd800 ? 'half a surrogate pair' : kind} (U+${code.toString(16).toUpperCase().padStart(4, '0')})`;
}

/** A mapping's key as it is written, so that `007` is not `7`; undefined for a key that is not text. */
export function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value ?? ''));
}

/** Whether a key is YAML's merge key, `<<` (yaml.org/type/merge). */
export function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

/**
 * A scalar's value. A number or boolean that would print differently from how it is written is text: `0123`, `1.10`,
 * `1e1234567890` and YAML 1.1's `off` and `52:54:00:00:00:01`.
 */
function scalarValue({ value, source }: Scalar): unknown {
  if (typeof value === 'number') return source === undefined || String(value) === source ? value : source;
  if (typeof value === 'boolean') return source === undefined || /^(?:true|false)$/i.test(source) ? value : source;
  return value;
}

interface Anchored {
  readonly node: Node;
  readonly value: unknown;
  /** Number of values in it, those of aliases inside it included. */
  readonly size: number;
  /** Whether it stands in a section of {@link FREE}. */
  readonly free: boolean;
}

/** Converts the library's nodes to plain values, in one pass over the document. */
class Reader {
  readonly aliases = new Map<Alias, Node>();
  /** Mistakes that make the values unusable. */
  readonly fatal: Flaw[] = [];
  /** Mistakes in single keys and values. */
  readonly flaws: Flaw[] = [];
  private readonly lines: LineCounter;
  private readonly anchors = new Map<string, Anchored | 'open'>();
  private size = 0;
  private aliased = 0;
  /** Inside a section of {@link FREE}. */
  private free = false;
  /** Inside a section of {@link SECRETS}. */
  private secrets = false;

  constructor(lines: LineCounter) {
    this.lines = lines;
  }

  read(node: Node | null | undefined, depth: number): unknown {
    if (!node) return null;
    this.size++;
    if (isAlias(node)) return this.alias(node);
    const { anchor, tag } = node as Scalar | YAMLMap | YAMLSeq;
    if (tag === SECRET && isScalar(node)) return this.secret(node);
    if (tag !== undefined && !TAGS.has(tag)) {
      this.fatal.push({ offset: offsetOf(node), message: `unknown tag ${quote(tag)}: expected a value without a tag` });
      return undefined;
    }
    if (depth > MAX_DEPTH) {
      this.fatal.push({ offset: offsetOf(node), message: `nested more than ${MAX_DEPTH} levels deep` });
      return undefined;
    }
    if (anchor === undefined) return this.content(node, depth);
    this.anchors.set(anchor, 'open');
    const before = this.size;
    const value = this.content(node, depth);
    this.anchors.set(anchor, { node, value, size: this.size - before + 1, free: this.free });
    return value;
  }

  private alias(node: Alias): unknown {
    const target = this.anchors.get(node.source);
    const message =
      target === undefined
        ? `the alias ${quote(node.source)} has no anchor before it`
        : target === 'open'
          ? `the alias ${quote(node.source)} is inside the value that it refers to`
          : target.free && !this.free
            ? `the alias ${quote(node.source)} refers to a part of ${FREE_NAMES}, and can be used only in another`
            : undefined;
    if (message !== undefined || target === undefined || target === 'open') {
      this.fatal.push({ offset: offsetOf(node), message: message ?? '' });
      return undefined;
    }
    const within = this.aliased <= MAX_ALIASED;
    this.aliased += target.size;
    this.size += target.size;
    if (within && this.aliased > MAX_ALIASED) {
      this.fatal.push({ offset: offsetOf(node), message: `aliases stand for more than ${MAX_ALIASED} values` });
    }
    this.aliases.set(node, target.node);
    return target.value;
  }

  private content(node: Node, depth: number): unknown {
    if (isMap(node)) return this.map(node, depth);
    if (isSeq(node)) return node.items.map((item) => this.read(item as Node | null, depth + 1));
    const value = scalarValue(node as Scalar);
    if (typeof value === 'string') this.checkText(value, offsetOf(node));
    return value;
  }

  private secret(node: Scalar): unknown {
    const source = String(node.value);
    const where =
      this.free || this.secrets
        ? undefined
        : `a secret is for values below ${FREE_NAMES}, for passwords of "server.registry.mirrors:", for "traces:" and "webhooks:", and for some root methods`;
    const what =
      SECRET_SOURCE.test(source) && !forbidden(source)
        ? undefined
        : 'expected "!secret file:PATH" or "!secret env:NAME"';
    const message = where ?? what;
    if (message !== undefined) this.fatal.push({ offset: offsetOf(node), message });
    return { [SECRET]: source };
  }

  private checkText(text: string, offset: number): void {
    const what = forbidden(this.free ? text.replace(/[\n\t]/g, '') : text);
    if (what !== undefined) this.flaws.push({ offset, message: `${quote(text)} has ${what}: expected plain text` });
  }

  private map(node: YAMLMap, depth: number): unknown {
    const object: Record<string, unknown> = {};
    const merged: Readonly<Record<string, unknown>>[] = [];
    const seen = new Map<string, number>();
    for (const { key, value } of node.items as Pair<unknown, Node | null>[]) {
      const offset = offsetOf(key ?? node);
      const name = this.key(key, offset, depth);
      const [free, secrets] = [this.free, this.secrets];
      this.free ||= isIn(FREE, name, depth);
      this.secrets ||= isIn(SECRETS, name, depth);
      const content = this.read(value, depth + 1);
      this.free = free;
      this.secrets = secrets;
      if (name === undefined) continue;
      const first = seen.get(name);
      if (first === undefined) {
        seen.set(name, offset);
        if (isMergeKey(key)) merged.push(...this.mappings(content, offset));
        else object[name] = content;
      } else {
        const { line, col } = this.lines.linePos(first);
        const message = `duplicate key ${quote(name)}: it is already at line ${line}, column ${col}`;
        this.flaws.push({ offset, message });
      }
    }
    for (const each of merged) {
      for (const [name, content] of Object.entries(each)) if (!Object.hasOwn(object, name)) object[name] = content;
    }
    return object;
  }

  /** The mappings of a merge key: one, or a list of which the first wins. */
  private mappings(content: unknown, offset: number): readonly Readonly<Record<string, unknown>>[] {
    const all: readonly unknown[] = Array.isArray(content) ? content : [content];
    const isMapping = (value: unknown): value is Record<string, unknown> =>
      typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!all.every(isMapping)) this.flaws.push({ offset, message: '"<<" expects a mapping or a list of them' });
    return all.filter(isMapping);
  }

  /** A key's text; undefined if it cannot be a key. */
  private key(key: unknown, offset: number, depth: number): string | undefined {
    if (isAlias(key)) {
      const value = this.alias(key);
      if (typeof value === 'string') return value;
    } else if (isScalar(key)) {
      // An anchor on a key can be used later.
      this.read(key, depth);
    }
    const name = keyText(key);
    if (name === undefined || name === '__proto__') {
      this.flaws.push({ offset, message: `a key must be text${name === undefined ? '' : `, and not ${name}`}` });
      return undefined;
    }
    return name;
  }
}

/** The offset of a node in the text; 0 for a missing node. */
export function offsetOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}

/** The result of {@link readYaml}: a tree, perhaps with flaws, or flaws alone. */
export interface YamlReading {
  readonly lines: LineCounter;
  readonly tree: YamlTree | undefined;
  readonly flaws: readonly Flaw[];
}

/**
 * Reads one YAML 1.2 document. Never throws.
 *
 * It checks for duplicate keys and resolves aliases itself. The library compares each key with all before it, which
 * takes seconds for ten thousand nodes, and searches the whole document for each alias.
 */
export function readYaml(text: string): YamlReading {
  const lines = new LineCounter();
  const fail = (...flaws: Flaw[]): YamlReading => ({ lines, tree: undefined, flaws });
  // The library recurses: thousands of brackets exhaust the stack. It then reports a mistake in the text, or throws.
  const explain = (message: string) =>
    `YAML: ${message.startsWith('Maximum call stack') ? 'nested too deeply' : escapeText(message)}`;
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  } catch (error) {
    return fail({ offset: 0, message: explain(error instanceof Error ? error.message : String(error)) });
  }
  const { contents, errors } = document;
  if (errors.length > 0)
    return fail(...errors.map(({ pos, message }) => ({ offset: pos[0], message: explain(message) })));
  const reader = new Reader(lines);
  const value = contents === null ? undefined : reader.read(contents, 0);
  if (reader.fatal.length > 0) return fail(...reader.fatal, ...reader.flaws);
  return { lines, tree: { value, contents, aliases: reader.aliases, lines }, flaws: reader.flaws };
}
