import { types } from 'node:util';
import type { Identity } from '../model/identity.ts';
import { ownName } from '../model/names.ts';
import { isPlain } from '../util/plain.ts';
import { type Atom, textAtom } from './atom.ts';
import { builtInText, isBuiltInClass, kindOf, ownExtras } from './built-in.ts';
import { hasHiddenState } from './hidden-state.ts';
import { isLazy } from './lazies.ts';
import { isOfClass } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import { type ReadNode, WHOLE } from './read-node.ts';
import type { Sink } from './sink.ts';
import type { Scope, World } from './world.ts';

/** Deepest nesting of a value that is compared as a whole. */
const MAX_DEPTH = 50;

/** Writes values as a whole: what they are, all of their own data, and which of them are one object. */
export abstract class ValueWriter {
  protected readonly scope: Scope;
  protected readonly world: World;
  protected readonly sink: Sink;
  /** Objects met, numbered in order: one object in two places must differ from two that look alike. */
  #objects: Map<unknown, number> | undefined;
  #firstObject: unknown;
  /** Steps to the value being looked at. */
  protected readonly path: string[] = [];
  /** Pairs of a node and a model below which something was read. */
  protected models: (ReadNode | object)[] | undefined;
  /** Objects whose own data was already written in full. */
  #written: Set<object> | undefined;

  constructor(scope: Scope, sink: Sink) {
    this.scope = scope;
    this.world = scope.world;
    this.sink = sink;
  }

  /** Reports a value that cannot be compared, with its path. */
  protected unseen(why: string): boolean {
    return this.sink.unseen(this.path.join('.').replaceAll('.()', '()'), why);
  }

  /** Writes a value, and all that is in it. */
  whole(value: unknown, depth: number): boolean {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      return this.atom(value as Atom);
    }
    if (typeof value === 'function') return this.#function(value as never) && this.statics(value, depth);
    if (isPlaceholder(value)) return this.sink.pending();
    const model = this.scope.models.indexOf(value);
    if (model !== -1) return this.sink.add(`m${model},`) && this.ofModel(WHOLE, value);
    const identity = this.world.identity(value);
    if (identity !== undefined) return this.model(identity, value) && this.ofModel(WHOLE, value);
    if (!this.number(value)) return false;
    return this.world.isMarkedSafe(value) ? this.safe(value) : this.once(value, depth);
  }

  /** Writes an object's own data, each object once. */
  protected data(value: object, depth: number): boolean {
    if (depth > MAX_DEPTH) return this.unseen(`it is nested deeper than ${MAX_DEPTH} levels`);
    if (Array.isArray(value)) {
      if (!this.sink.add(`[${value.length}:`)) return false;
      for (let i = 0; i < value.length; i++) {
        const isDone = i in value ? this.whole(value[i], depth + 1) : this.sink.add('e');
        if (!isDone) return false;
      }
      return this.sink.add(']') && this.#extras(value, depth);
    }
    const text = builtInText(value);
    if (text !== undefined) return this.sink.add(text) && this.#extras(value, depth);
    if (value instanceof Map) {
      if (!this.sink.add(`M${value.size}:`)) return false;
      for (const [key, item] of Map.prototype.entries.call(value)) {
        if (!this.whole(key, depth + 1) || !this.whole(item, depth + 1)) return false;
      }
      return this.sink.add(']') && this.#extras(value, depth);
    }
    if (value instanceof Set) {
      if (!this.sink.add(`S${value.size}:`)) return false;
      for (const item of Set.prototype.values.call(value)) if (!this.whole(item, depth + 1)) return false;
      return this.sink.add(']') && this.#extras(value, depth);
    }
    if (types.isPromise(value)) return this.unseen('it is a promise: await it first');
    if (types.isProxy(value)) return this.unseen('it is a proxy, which may give anything');
    return this.#properties(value, depth);
  }

  #properties(value: object, depth: number): boolean {
    const keys = Reflect.ownKeys(value);
    // An instance without properties prints what its class closes over, so it is identified as a function is.
    const text = keys.length > 0 || isPlain(value) ? '' : this.world.codeText(value);
    if (!this.sink.add(kindOf(value)) || !this.#code(value, depth)) return false;
    if (text === undefined) return this.unseen(NO_DATA);
    return (text === '' || this.sink.add(`x${text},`)) && this.#own(value, keys, depth);
  }

  /** Writes the class of an instance: its methods are code, as a function is. */
  #code(value: object, depth: number): boolean {
    if (isPlain(value)) return true;
    const prototype = Object.getPrototypeOf(value);
    if (hasHiddenState(prototype)) return this.unseen('its class has private state, which cannot be compared');
    // The prototype is an ordinary object, so compare it as data.
    if (!isOfClass(prototype)) return this.sink.add('^') && this.whole(prototype, depth + 1);
    return this.#trusted(this.world.codeText(prototype), UNTRUSTED_CLASS);
  }

  /**
   * Writes what lists, maps, dates and the like have beside their elements: own properties, and a class that extends
   * theirs.
   */
  #extras(value: object, depth: number): boolean {
    const isBuiltIn = isBuiltInClass(value);
    const keys = ownExtras(value);
    if (isBuiltIn && keys.length === 0) return true;
    // This mark occurs nowhere else. Without it, extras could be read as the value that follows.
    if (!this.sink.add('+')) return false;
    if (!isBuiltIn && (!this.sink.add(kindOf(value)) || !this.#code(value, depth))) return false;
    return this.#own(value, keys, depth);
  }

  #own(value: object, keys: readonly (string | symbol)[], depth: number): boolean {
    for (const key of keys) {
      const property = Reflect.getOwnPropertyDescriptor(value, key);
      if (property === undefined) continue;
      const name = String(key);
      if (!('value' in property)) return this.unseen(`${name} is a getter`);
      this.path.push(name);
      if (!property.enumerable && !this.sink.add('~')) return false;
      const isAdded = typeof key === 'symbol' ? this.#symbol(key) : this.sink.add(textAtom('k', name));
      if (!isAdded || !this.whole(property.value, depth + 1)) return false;
      this.path.pop();
    }
    return this.sink.add('}');
  }

  protected atom(value: Atom): boolean {
    return typeof value === 'symbol' ? this.#symbol(value) : this.sink.addAtom(value);
  }

  /** Two symbols may have the same text, so a unique one is identified as functions are. */
  #symbol(value: symbol): boolean {
    const name = Symbol.keyFor(value);
    if (name !== undefined) return this.sink.add(textAtom('y', name));
    const { description = '' } = value;
    if (WELL_KNOWN.has(value)) return this.sink.add(textAtom('y', `@@${description}`));
    return this.#trusted(this.world.codeText(value), UNTRUSTED_SYMBOL);
  }

  #function(value: (...args: never[]) => unknown): boolean {
    return isLazy(value) ? this.sink.add('l') : this.#trusted(this.world.functionText(value), UNTRUSTED);
  }

  /** Writes what stands for code. */
  #trusted(text: string | undefined, why: string): boolean {
    return text === undefined ? this.unseen(why) : this.sink.add(`x${text},`);
  }

  /** Writes the properties of a function. */
  protected statics(value: object, depth: number): boolean {
    const keys = Object.keys(value);
    if (keys.length === 0 || isLazy(value)) return true;
    return this.number(value) && (this.#isWritten(value) || this.#own(value, keys, depth));
  }

  /** Writes an object's own data the first time that all of it counts. */
  protected once(value: object, depth: number): boolean {
    if (this.#isWritten(value)) return true;
    return (Object.isExtensible(value) || this.sink.add(closedKind(value))) && this.data(value, depth);
  }

  /** Whether an object was already written in full; marks it as written. */
  #isWritten(value: object): boolean {
    if (this.#written?.has(value)) return true;
    this.#written ??= new Set();
    this.#written.add(value);
    return false;
  }

  protected ofModel(node: ReadNode, value: object): boolean {
    if (node.isEnd) return true;
    this.models ??= [];
    this.models.push(node, value);
    return true;
  }

  protected model(identity: Identity, value: object): boolean {
    this.sink.met(identity);
    const version = this.world.version(value, identity);
    const isObject = typeof version === 'object';
    const name = `${ownName(identity)}${isObject ? '@o' : version}`;
    const isAdded = this.number(value) && this.sink.add(textAtom('k', name));
    return isAdded && (!isObject || this.whole(version, 0));
  }

  /** A string marked as safe prints unescaped, so it differs from an equal plain string. */
  protected safe(value: object): boolean {
    if (!this.sink.add(textAtom('h', String(value)))) return false;
    const keys = ownExtras(value);
    return keys.length === 0 || this.#own(value, keys, 0);
  }

  /** Writes the number of an object: one object in two places must differ from two that look alike. */
  protected number(value: unknown): boolean {
    if (this.#firstObject === undefined) this.#firstObject = value;
    if (value === this.#firstObject) return this.sink.add('o0,');
    this.#objects ??= new Map();
    let number = this.#objects.get(value);
    if (number === undefined) {
      number = this.#objects.size + 1;
      this.#objects.set(value, number);
    }
    return this.sink.add(NUMBERS[number] ?? `o${number},`);
  }

  /** Returns the number of an object that was written before. */
  protected numberOf(value: unknown): number | undefined {
    return value === this.#firstObject ? 0 : this.#objects?.get(value);
  }
}

/** Tells objects apart to which nothing can be added: a function may ask which kind they are. */
function closedKind(value: object): string {
  if (Object.isFrozen(value)) return '!f';
  return Object.isSealed(value) ? '!s' : '!';
}

const NUMBERS = Array.from({ length: 256 }, (_, number) => `o${number},`);

/** Symbols that the language itself uses. */
const WELL_KNOWN: ReadonlyMap<unknown, string> = new Map(
  Object.getOwnPropertyNames(Symbol).map((name) => [Reflect.get(Symbol, name), name]),
);

const UNTRUSTED_CLASS = 'its class was not met in an earlier render, and its methods are code';
const NO_DATA = 'it was not met in an earlier render, and has no data to compare';
const UNTRUSTED_SYMBOL = 'it is a symbol that was not met in an earlier render';
export const UNTRUSTED = 'it is a function of the page that was not met in an earlier render';
