import nunjucks from 'nunjucks';
import { memberChain, type TreeNode } from './syntax.ts';

/** A mistake in a template; line and column count from 1. */
export interface Fault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Most characters and items of one value, its members included. */
const MAX_SIZE = 16_384;
/** Most steps of one script: loop iterations, statements, calls, and one for each 16 characters of arguments. */
const MAX_STEPS = 200_000;
/** Most nested blocks, templates and loops: nunjucks takes long for errors deep inside. */
const MAX_DEPTH = 40;
/** Most blocks and included, extended or imported templates in one script; each use counts. */
const MAX_PARTS = 1000;
/** Most characters of one script. */
const MAX_OUTPUT = 1024 * 1024;

/** A scope of a template during rendering. */
interface Frame {
  readonly parent: Frame | undefined;
  lookup(name: string): unknown;
}

/** The steps, blocks and characters that one script has used so far. */
export class Budget {
  private steps = 0;
  /** The script's first error: nunjucks goes on for a while, and wraps errors once for each template. */
  fault: Error | undefined;
  private begun = 0;
  private written = 0;

  reset(): void {
    this.fault = undefined;
    this.steps = 0;
    this.begun = 0;
    this.written = 0;
  }

  /** Counts templates and blocks. @param frame the scope that one of them begins in */
  begin(frame: Frame): void {
    this.begun += 1;
    let depth = 0;
    for (let outer: Frame | undefined = frame; outer && depth <= MAX_DEPTH; outer = outer.parent) depth += 1;
    if (depth > MAX_DEPTH || this.begun > MAX_PARTS) throw new Error('too many templates and blocks inside each other');
  }

  step(count = 1): void {
    this.steps += count;
    if (this.steps > MAX_STEPS) throw new Error(`this takes too long: a script has at most ${MAX_STEPS} steps`);
  }

  wrote(length: number): void {
    this.step();
    this.written += length;
    if (this.written > MAX_OUTPUT) throw new Error(`the script is longer than ${MAX_OUTPUT} characters`);
  }
}

type Call = (this: unknown, ...args: unknown[]) => unknown;

/** The parts of nunjucks' runtime that are used here (its src/runtime.js). */
interface NunjucksRuntime {
  readonly SafeString: new (text: string) => object;
  makeMacro(names: readonly string[], keywords: readonly string[], body: Call): Call;
  inOperator(key: unknown, value: unknown): boolean;
}
const { runtime, lib } = nunjucks as unknown as {
  runtime: NunjucksRuntime;
  lib: { TemplateError: new (message: string) => Error };
};

/** Whether a value is a string, or one that nunjucks marks as safe to print. */
export const isText = (value: unknown) => typeof value === 'string' || value instanceof runtime.SafeString;

/** Whether a value is a plain object, as templates, the configuration and JSON make them. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Number of characters and items of a value; counting stops shortly after {@link MAX_SIZE}. */
export function sizeOf(value: unknown): number {
  let size = 0;
  const open = [value];
  while (open.length > 0 && size <= MAX_SIZE) {
    const next = open.pop();
    size += 1;
    if (isText(next)) size += String(next).length;
    else if (Array.isArray(next) || isPlain(next)) {
      const inside = Array.isArray(next) ? next : Object.entries(next).flat();
      if (inside.length > MAX_SIZE) return inside.length;
      open.push(...inside);
    }
  }
  return size;
}

/** Returns the value. @throws if it is larger than {@link MAX_SIZE} */
export function bounded<T>(value: T): T {
  if (typeof value === 'number' || sizeOf(value) <= MAX_SIZE) return value;
  throw new Error(`a value is larger than ${MAX_SIZE} characters`);
}

/** Wraps a function for templates: its calls count as steps, and its result is limited. */
export function counted(budget: Budget, call: Call): Call {
  return function (this: unknown, ...args: unknown[]) {
    budget.step(1 + (sizeOf(args) >> 4));
    return bounded(call.apply(this, args));
  };
}

/**
 * An own member of plain data. Templates can reach nothing else: no prototypes, no constructors, no methods of texts
 * and lists, no members of functions.
 */
export function memberLookup(holder: unknown, key: unknown): unknown {
  if (typeof key !== 'string' && typeof key !== 'number') return undefined;
  if (!isText(holder) && !Array.isArray(holder) && !isPlain(holder)) return undefined;
  const object = Object(isText(holder) ? String(holder) : holder) as Readonly<Record<string | number, unknown>>;
  if (!Object.hasOwn(object, key)) return undefined;
  const member = object[key];
  return typeof member === 'function' ? (...args: unknown[]) => member.apply(object, args) : member;
}

/** The replacement for nunjucks' runtime in compiled templates. */
export type Guard = ReturnType<typeof createGuard>;

/**
 * @param file the template's file, for messages
 * @param printed the printed expressions by place, `LINE:COLUMN` from 0
 */
export function createGuard(file: string, budget: Budget, printed: ReadonlyMap<string, TreeNode>) {
  /** An error that keeps its place and file when nunjucks wraps it. */
  const fail = ({ line, column, message }: Fault): Error => {
    const error = new lib.TemplateError(`(${file}) [Line ${line}, Column ${column}]\n  ${message}`);
    return Object.assign(error, { lineno: line, colno: column, Update: () => error });
  };
  return {
    ...runtime,
    fail,
    bounded,
    memberLookup,
    begin: (frame: Frame) => budget.begin(frame),
    step: () => budget.step(),
    wrote: (length: number) => budget.wrote(length),

    contextOrFrameLookup(context: { ctx: object; env: { globals: object } }, frame: Frame, name: string) {
      const own = frame.lookup(name);
      if (own !== undefined) return own;
      const holder = [context.ctx, context.env.globals].find((each) => Object.hasOwn(each, name));
      return (holder as Record<string, unknown> | undefined)?.[name];
    },

    callWrap(callee: unknown, name: string, _context: unknown, args: readonly unknown[]) {
      if (typeof callee !== 'function')
        throw new Error(`"${name}" cannot be called: it is no macro and no function of templates`);
      budget.step();
      return bounded(callee(...args));
    },

    makeMacro: (names: readonly string[], keywords: readonly string[], body: Call) =>
      counted(budget, runtime.makeMacro(names, keywords, body)),

    inOperator(key: unknown, value: unknown) {
      budget.step(1 + (sizeOf([key, value]) >> 4));
      return runtime.inOperator(key, value);
    },

    suppressValue(value: unknown) {
      if (typeof value === 'function') throw new Error('a function cannot be printed');
      const text = value === undefined || value === null ? '' : String(bounded(value));
      budget.wrote(text.length);
      return text;
    },

    ensureDefined(value: unknown, line: number, column: number) {
      if (value !== undefined && value !== null) return value;
      const chain = memberChain(printed.get(`${line}:${column}`));
      const { lineno, colno } = chain?.start ?? { lineno: line, colno: column };
      const what = chain ? `"${chain.text}", which has no value here` : 'something that has no value here';
      throw fail({ line: lineno + 1, column: colno + 1, message: `prints ${what}` });
    },

    /** Handles an error of the last call; its place counts from 0. */
    handleError(error: Error & { Update?: unknown }, line: number, column: number) {
      budget.fault ??= error.Update ? error : fail({ line: line + 1, column: column + 1, message: error.message });
      return budget.fault;
    },
  };
}
