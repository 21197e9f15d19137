/**
 * A reader for the YAML that most configurations use: mappings and lists in block style, values and flow collections on
 * one line, no anchors, no escapes. It is some twenty times as fast as the library, which keeps the place of every
 * token. It reports no mistakes: it leaves all other text to `read-yaml.ts`. For text that it reads, both give the same
 * values.
 */

/** Thrown for text that is not simple. */
const NOT_SIMPLE = Symbol('not simple');
const giveUp = (): never => {
  throw NOT_SIMPLE;
};

/** Characters that no simple text has: tabs, carriage returns, and those that values may not have. */
const UNUSUAL = /[^\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff]/;
/** Marks of a document's beginning and end. */
const MARK = /^(?:---|\.\.\.)/m;
/** Deepest nesting; no configuration needs as much. */
const MAX_DEPTH = 20;

/**
 * Plain scalars (YAML 1.2 section 7.3.3), in block context and in a flow collection. They end before ` #`, before a
 * colon that makes them keys, and in a flow collection before its indicators. Those that begin with `?` or `:` are not
 * simple.
 */
const IN_BLOCK = /(?:[^\s,[\]{}#&*!|>'"%@`?:-]|-(?![ \n]|$))[^#:\n]*(?:(?:(?<! )#|:(?![ \n]|$))[^#:\n]*)*/y;
const IN_FLOW = /(?:[^\s,[\]{}#&*!|>'"%@`?:-]|-(?![ \n,[\]{}]|$))(?:[^,[\]{}#:\n]|(?<! )#|:(?![ \n,[\]{}]|$))*/y;
const QUOTED = /"[^"\\\n]*"|'[^'\n]*'(?!')/y;
const NUMBER = /^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/;

/** A plain scalar's value by YAML 1.2's core schema. A number that would print differently, such as `0123`, is text. */
function plainValue(text: string): string | number | boolean | null {
  const first = text.charCodeAt(0);
  // `+`, `-`, `.` and the digits.
  if (first <= 0x39) {
    if (!NUMBER.test(text)) return text;
    const number = Number(text);
    return String(number) === text ? number : text;
  }
  switch (text) {
    case '~':
    case 'null':
    case 'Null':
    case 'NULL':
      return null;
    case 'true':
    case 'True':
    case 'TRUE':
      return true;
    case 'false':
    case 'False':
    case 'FALSE':
      return false;
    default:
      return text;
  }
}

class SimpleReader {
  private readonly text: string;
  private at = 0;
  /** The column where the content of the current line begins; -1 after the last line. */
  private column = -1;

  constructor(text: string) {
    this.text = text;
  }

  document(): unknown {
    this.nextLine();
    if (this.column !== 0 || this.isItem()) giveUp();
    return this.blockMap(0);
  }

  /** Goes to the next line with content. */
  private nextLine(): void {
    const { text } = this;
    for (;;) {
      const start = this.at;
      this.skipBlanks();
      const char = text[this.at];
      this.column = char === undefined ? -1 : this.at - start;
      if (char !== '\n' && char !== '#') return;
      const end = text.indexOf('\n', this.at);
      this.at = end < 0 ? text.length : end + 1;
    }
  }

  private skipBlanks(): void {
    while (this.text.charCodeAt(this.at) === 0x20) this.at++;
  }

  private isItem(): boolean {
    return this.text[this.at] === '-' && this.text[this.at + 1] === ' ';
  }

  private endsHere(): boolean {
    const char = this.text[this.at];
    return char === undefined || char === '\n' || (char === '#' && this.text[this.at - 1] === ' ');
  }

  /** After a value: goes to the next line with content. */
  private endLine(): void {
    this.skipBlanks();
    if (!this.endsHere()) giveUp();
    const end = this.text.indexOf('\n', this.at);
    this.at = end < 0 ? this.text.length : end + 1;
    this.nextLine();
  }

  private match(pattern: RegExp): string {
    const { text, at } = this;
    pattern.lastIndex = at;
    if (!pattern.test(text)) giveUp();
    this.at = pattern.lastIndex;
    return text.slice(at, this.at);
  }

  private isQuote(): boolean {
    const char = this.text[this.at];
    return char === '"' || char === "'";
  }

  /** A mapping's key and its colon. */
  private key(pattern: RegExp): string {
    const name = this.isQuote() ? this.match(QUOTED).slice(1, -1) : this.match(pattern);
    // The library takes keys of up to 1024 characters.
    if (
      this.text[this.at++] !== ':' ||
      name.endsWith(' ') ||
      name === '__proto__' ||
      name === '<<' ||
      name.length > 1000
    )
      giveUp();
    const after = this.text[this.at];
    return after === ' ' || after === '\n' || after === undefined ? name : giveUp();
  }

  private add(object: Record<string, unknown>, name: string, value: unknown): void {
    if (Object.hasOwn(object, name)) giveUp();
    object[name] = value;
  }

  private blockMap(depth: number): unknown {
    if (depth > MAX_DEPTH) giveUp();
    const { column } = this;
    const object: Record<string, unknown> = {};
    do {
      const name = this.key(IN_BLOCK);
      this.skipBlanks();
      if (this.endsHere()) {
        this.endLine();
        // A list may be in the same column as its key.
        if (this.column >= column && this.isItem()) this.add(object, name, this.blockList(column));
        else this.add(object, name, this.column > column ? this.blockMap(depth + 1) : null);
      } else {
        this.add(object, name, this.value(IN_BLOCK, depth));
        this.endLine();
      }
      if (this.column > column) giveUp();
    } while (this.column === column);
    return object;
  }

  /** A list with each item on one line. */
  private blockList(outer: number): unknown {
    const { column } = this;
    const list: unknown[] = [];
    do {
      this.at++;
      this.skipBlanks();
      list.push(this.value(IN_BLOCK, 0));
      this.endLine();
      if (this.column > column) giveUp();
    } while (this.column === column && this.isItem());
    return this.column === column && column > outer ? giveUp() : list;
  }

  /** A value on one line. */
  private value(pattern: RegExp, depth: number): unknown {
    if (depth > MAX_DEPTH) giveUp();
    const char = this.text[this.at];
    if (char === '{') return this.flowMap(depth + 1);
    if (char === '[') return this.flowList(depth + 1);
    if (this.isQuote()) return this.match(QUOTED).slice(1, -1);
    const plain = this.match(pattern);
    let end = plain.length;
    while (plain.charCodeAt(end - 1) === 0x20) end--;
    return plainValue(plain.slice(0, end));
  }

  private flowMap(depth: number): unknown {
    const object: Record<string, unknown> = {};
    for (let open = this.open('}'); open; open = this.more('}')) {
      const name = this.key(IN_FLOW);
      this.skipBlanks();
      this.add(object, name, this.value(IN_FLOW, depth));
    }
    return object;
  }

  private flowList(depth: number): unknown {
    const list: unknown[] = [];
    for (let open = this.open(']'); open; open = this.more(']')) list.push(this.value(IN_FLOW, depth));
    return list;
  }

  /** At the opening bracket of a flow collection: goes past it; false if the collection is empty. */
  private open(end: string): boolean {
    this.at++;
    this.skipBlanks();
    if (this.text[this.at] !== end) return true;
    this.at++;
    return false;
  }

  /** After an item: goes past the comma or the closing bracket; false at the end. */
  private more(end: string): boolean {
    this.skipBlanks();
    const char = this.text[this.at++];
    this.skipBlanks();
    return char === ',' || (char === end ? false : giveUp());
  }
}

/**
 * Reads a simple text.
 * @returns the value that `readYaml` gives; undefined if the text is not simple, correct or not
 */
export function readSimpleYaml(text: string): unknown {
  if (UNUSUAL.test(text) || MARK.test(text)) return undefined;
  try {
    return new SimpleReader(text).document();
  } catch (error) {
    if (error === NOT_SIMPLE) return undefined;
    throw error;
  }
}
