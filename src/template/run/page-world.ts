import type { Identifier, Identity } from '../../model/identity.ts';
import { type Atom, atom, textAtom } from '../../reads/atom.ts';
import type { World } from '../../reads/world.ts';
import type { Functions } from '../../render/functions.ts';
import { digest } from '../../util/digest.ts';
import type { Helpers } from './helpers.ts';
import { type Macro, macroOf, methodOf } from './page-runtime.ts';

type Callable = (...args: never[]) => unknown;

/** Tell models, functions and helpers from other values. */
export interface Known {
  readonly identifier: Identifier;
  readonly functions: Functions;
  readonly helpers: Helpers;
}

/** Identifies the values of one page: its models, functions and macros. */
export class PageWorld implements World {
  readonly #known: Known;

  /** Stands for the page, to tell whether an earlier page has met a function. */
  readonly #page: object;

  constructor(known: Known, page: object) {
    this.#known = known;
    this.#page = page;
  }

  get generation(): number {
    return this.#known.identifier.generation;
  }

  identity(object: object): Identity | undefined {
    return this.#known.identifier.met(object);
  }

  rowIdentity(row: object, type: string): Identity | undefined {
    return this.#known.identifier.metRow(row, type);
  }

  version(object: object, { type }: Identity): string | object {
    const attribute = this.#known.identifier.registration(type)?.version;
    if (attribute === undefined) return '';
    const value = (object as Record<string, unknown>)[attribute];
    if (typeof value === 'function') throw new TypeError(`the version ${attribute} is a method`);
    return typeof value === 'object' && value !== null && !(value instanceof Date)
      ? value
      : `@${value instanceof Date ? value.getTime() : atom(value as Atom)}`;
  }

  boundTo(called: unknown): unknown {
    return methodOf(called)?.object;
  }

  isMarkedSafe(value: object): boolean {
    return value instanceof String && this.#known.helpers.own.isMarkedSafe(value);
  }

  macro(value: unknown): object | undefined {
    return macroOf(value);
  }

  codeText(code: object | symbol): string | undefined {
    return this.#known.functions.text(code as object, this.#page);
  }

  uncomparedIdentity(object: object): Identity | undefined {
    return this.#known.identifier.metAnyway(object);
  }

  functionText(called: Callable): string | undefined {
    const macro = macroOf(called);
    if (macro !== undefined) return macro.isCaller ? undefined : textOf(macro);
    const type = this.#known.identifier.metClass(called);
    if (type !== undefined) return textAtom('t', type);
    return this.#known.helpers.textOf(called, this.#page) ?? this.#known.functions.text(called, this.#page);
  }
}

/**
 * Digests of macros' code. A page makes each macro anew and may show it in many fragments, but its code stays the same.
 */
const texts = new WeakMap<Callable, string>();

/**
 * Returns the text of a macro, a digest of its code. The variables that it looks up in its template are recorded as
 * reads.
 */
function textOf({ body }: Macro): string {
  let text = texts.get(body);
  if (text === undefined) {
    text = `m${digest(Function.prototype.toString.call(body), CHARACTERS)}`;
    texts.set(body, text);
  }
  return text;
}

const CHARACTERS = 16;
