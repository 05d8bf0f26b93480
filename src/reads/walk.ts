import { types } from 'node:util';
import type { Identity } from '../model/identity.ts';
import { ownName } from '../model/names.ts';
import { isPlain } from '../util/plain.ts';
import { type Atom, FIRST_OBJECT, LAST_OBJECT, type Presence, presence, textAtom } from './atom.ts';
import { BelowModels, identityOf } from './below-models.ts';
import { builtInText, isBuiltInClass, isData, kindOf, ownExtras } from './built-in.ts';
import { hasHiddenState } from './hidden-state.ts';
import { isLazy } from './lazies.ts';
import { hasOwnText, hasOwnTextIfPlain } from './objects.ts';
import { INHERITED_ACCESSOR, isOfClass, METHOD, OWN_ACCESSOR, peek, peekOrdinary } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import type { ReadNode, ReadShape } from './shape.ts';
import { type Sink, TooMuch } from './sink.ts';
import type { Scope, World } from './world.ts';

/** Deepest nesting of a value that is compared as a whole. */
const MAX_DEPTH = 50;

/**
 * Evaluates the paths of a shape at a place in a page and hands the text of their values to a sink. Making, judging and
 * finding entries all use this function, so that they cannot disagree.
 *
 * @returns false when the sink stopped the walk
 */
export function walk(shape: ReadShape, scope: Scope, sink: Sink): boolean {
  return new Walk(scope, sink).all(shape);
}

/** Writes the text of one value's own data, as it is when a function receives the value. */
export function walkWhole(value: object, scope: Scope, sink: Sink): boolean {
  try {
    return new Walk(scope, sink).whole(value, 0);
  } catch {
    return sink.unseen('', 'looking at it throws');
  }
}

class Walk {
  readonly #scope: Scope;
  readonly #world: World;
  readonly #sink: Sink;
  /** Objects met, numbered in order: one object in two places must differ from two that look alike. */
  #objects: Map<unknown, number> | undefined;
  #firstObject: unknown;
  /** Steps to the value being looked at. */
  readonly #path: string[] = [];
  /**
   * Pairs of a node and a model below which something was read. They are compared last, when all objects known from
   * elsewhere have numbers.
   */
  #models: (ReadNode | object)[] | undefined;
  /** Objects whose own data was already written in full. */
  #written: Set<object> | undefined;

  constructor(scope: Scope, sink: Sink) {
    this.#scope = scope;
    this.#world = scope.world;
    this.#sink = sink;
  }

  /** Reports a value that cannot be compared, with its path. */
  #unseen(why: string): boolean {
    return this.#sink.unseen(this.#path.join('.').replaceAll('.()', '()'), why);
  }

  all({ roots }: ReadShape): boolean {
    for (const { kind, node } of roots) {
      const value = this.#scope[kind](node.step);
      try {
        this.#path[0] = node.step;
        if (!this.#value(node, value)) return false;
      } catch (error) {
        if (error instanceof TooMuch) return this.#sink.tooMuch();
        if (!this.#sink.unseen(node.step, 'looking at it throws')) return false;
        this.#path.length = 1;
      }
    }
    return this.#ofModels();
  }

  /** Compares what was read below the models. Presence is enough, because the models' tokens stand for the values. */
  #ofModels(): boolean {
    const models = this.#models;
    if (models === undefined) return true;
    const among: Presence = (value) => this.#presenceAmong(value);
    let below: BelowModels | undefined;
    for (let i = 0; i < models.length; i += 2) {
      const node = models[i] as ReadNode;
      const model = models[i + 1] as object;
      try {
        // Most often the sink compares without text.
        let isSame = node.whole ? undefined : this.#sink.below?.(node, model, among);
        if (isSame === undefined) {
          below ??= new BelowModels(this.#scope, this.#sink, among);
          isSame =
            (!node.whole || this.#sink.add(below.columns(model))) && this.#sink.add(below.presences(node, model));
        }
        if (!isSame) return false;
      } catch (error) {
        if (error instanceof TooMuch) return this.#sink.tooMuch();
        if (!this.#sink.unseen(node.step, 'looking at it throws')) return false;
      }
    }
    return true;
  }

  /**
   * Like {@link presence}, but returns the number of an object known from elsewhere, because a body can compare the two
   * with `==`.
   */
  #presenceAmong(value: unknown): number {
    if ((typeof value !== 'object' || value === null) && typeof value !== 'symbol') return presence(value);
    const { models } = this.#scope;
    const model = models.indexOf(value as object);
    if (model !== -1) return FIRST_OBJECT + model;
    const number = value === this.#firstObject ? 0 : this.#objects?.get(value);
    if (number === undefined) return presence(value);
    const code = FIRST_OBJECT + models.length + number;
    if (code > LAST_OBJECT) throw new TooMuch('more objects are read than can be told apart');
    return code;
  }

  #value(node: ReadNode, value: unknown): boolean {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      return this.#atom(value as Atom);
    }
    return typeof value === 'function' ? this.#function(node, value as never) : this.#object(node, value);
  }

  #atom(value: Atom): boolean {
    return typeof value === 'symbol' ? this.#symbol(value) : this.#sink.addAtom(value);
  }

  /** Two symbols may have the same text, so a unique one is identified as functions are. */
  #symbol(value: symbol): boolean {
    const name = Symbol.keyFor(value);
    if (name !== undefined) return this.#sink.add(textAtom('y', name));
    const { description = '' } = value;
    if (WELL_KNOWN.has(value)) return this.#sink.add(textAtom('y', `@@${description}`));
    const text = this.#world.codeText(value);
    return text === undefined ? this.#unseen(UNTRUSTED_SYMBOL) : this.#sink.add(`x${text},`);
  }

  #function(node: ReadNode, value: (...args: never[]) => unknown): boolean {
    // A lazy is loaded after the tokens were read, and reports its own dependencies.
    if (isLazy(value)) return this.#sink.add('l');
    const text = this.#world.functionText(value);
    if (text === undefined) return this.#unseen(UNTRUSTED);
    if (!this.#sink.add(`x${text},`)) return false;
    if (node.context !== undefined) {
      for (const child of node.context.children) {
        const found = this.#scope.ofMacro(value, child.step);
        this.#path.push('()', child.step);
        if (found === undefined) {
          if (!this.#unseen('a variable of a template that cannot be told')) return false;
        } else if (!this.#value(child, found.value)) return false;
        this.#path.length -= 2;
      }
    }
    return (!node.whole || this.#statics(value, 0)) && this.#members(node, value);
  }

  /** Writes the properties of a function. */
  #statics(value: object, depth: number): boolean {
    const keys = Object.keys(value);
    if (keys.length === 0 || isLazy(value)) return true;
    return this.#number(value) && (this.#isWritten(value) || this.#own(value, keys, depth));
  }

  #object(node: ReadNode, value: object): boolean {
    if (isRow(node, value) && !this.#scope.models.includes(value) && this.#world.identity(value) === undefined) {
      const kind = hasOwnTextIfPlain(value) ? OWN_TEXT : '{';
      return this.#number(value) && this.#sink.add(kind) && this.#ordinaryMembers(node, value);
    }
    const model = this.#scope.models.indexOf(value);
    if (model !== -1) return this.#sink.add(model === 0 ? 'm0,' : `m${model},`) && this.#ofModel(node, value);
    if (isPlaceholder(value)) return this.#sink.pending();
    const identity = identityOf(this.#world, value, node.type);
    if (identity !== undefined) return this.#model(identity, value) && this.#ofModel(node, value);
    if (!this.#number(value)) return false;
    if (this.#world.isMarkedSafe(value)) return this.#safe(value);
    if (node.whole) {
      if (!this.#once(value, 0)) return false;
    } else if (Array.isArray(value) || value instanceof Set) {
      if (!this.#sink.add(listKind(value))) return false;
      if (node.list && !this.#list(node, Array.isArray(value) ? value : [...value])) return false;
    } else if (value instanceof Map) {
      if (!this.#sink.add('M') || (node.list && !this.#map(node, value))) return false;
    } else if (isData(value)) {
      if (!this.#data(value, 0)) return false;
    } else {
      if (!this.#sink.add(kindOf(value)) || (hasOwnText(value) && !this.#sink.add('!'))) return false;
      if (node.entries && !this.#entries(node, value)) return false;
    }
    return this.#members(node, value);
  }

  #members(node: ReadNode, value: object): boolean {
    if (node.children.length === 0) return true;
    if (!types.isProxy(value)) return this.#ordinaryMembers(node, value);
    return node.children.every((child) => this.#member(child, peek(value, child.step), value));
  }

  #ordinaryMembers({ children }: ReadNode, value: object): boolean {
    for (let i = 0; i < children.length; i++) {
      const child = children[i] as ReadNode;
      const found = peekOrdinary(value, child.step);
      // Most values are texts and numbers, and need no more.
      if (typeof found === 'string' || typeof found === 'number') {
        if (!this.#sink.addAtom(found)) return false;
      } else if (!this.#member(child, found, value)) return false;
    }
    return true;
  }

  #member(child: ReadNode, found: unknown, of: object): boolean {
    this.#path.push(child.step);
    if (found === OWN_ACCESSOR) {
      if (!this.#unseen('it is a getter')) return false;
    } else if (found === INHERITED_ACCESSOR) {
      // A getter of a class computes from the object's own data, so compare all of that.
      if (!this.#sink.add('a') || !this.#once(of, 0)) return false;
    } else if (found === METHOD) {
      // The object is compared where the method is called, and with it its class.
      if (!this.#sink.add('c')) return false;
    } else if (!this.#value(child, found)) return false;
    this.#path.pop();
    return true;
  }

  /** Writes an object's own data the first time that all of it counts. */
  #once(value: object, depth: number): boolean {
    if (this.#isWritten(value)) return true;
    return (Object.isExtensible(value) || this.#sink.add(closedKind(value))) && this.#data(value, depth);
  }

  /** Whether an object was already written in full; marks it as written. */
  #isWritten(value: object): boolean {
    if (this.#written?.has(value)) return true;
    this.#written ??= new Set();
    this.#written.add(value);
    return false;
  }

  #ofModel(node: ReadNode, value: object): boolean {
    if (node.isEnd) return true;
    this.#models ??= [];
    this.#models.push(node, value);
    return true;
  }

  #model(identity: Identity, value: object): boolean {
    this.#sink.met(identity);
    const version = this.#world.version(value, identity);
    const isObject = typeof version === 'object';
    const name = `${ownName(identity)}${isObject ? '@o' : version}`;
    const isAdded = this.#number(value) && this.#sink.add(textAtom('k', name));
    return isAdded && (!isObject || this.whole(version, 0));
  }

  /** A string marked as safe prints unescaped, so it differs from an equal plain string. */
  #safe(value: object): boolean {
    if (!this.#sink.add(textAtom('h', String(value)))) return false;
    const keys = ownExtras(value);
    return keys.length === 0 || this.#own(value, keys, 0);
  }

  #list(node: ReadNode, value: readonly unknown[]): boolean {
    if (!this.#sink.add(`${value.length}:`)) return false;
    const { each } = node;
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      const isDone = item === undefined && !(i in value) ? this.#sink.add('e') : this.#value(each ?? BARE, item);
      if (!isDone) return false;
    }
    return this.#sink.add(']');
  }

  #map(node: ReadNode, value: ReadonlyMap<unknown, unknown>): boolean {
    if (!this.#sink.add(`${value.size}:`)) return false;
    for (const [key, item] of value) {
      if (!this.whole(key, 0) || !this.#value(node.each ?? BARE, item)) return false;
    }
    return this.#sink.add(']');
  }

  #entries(node: ReadNode, value: object): boolean {
    // Include inherited names, as `for k, v in` does.
    if (Symbol.iterator in value && !this.#unseen('going over it runs code of the page')) return false;
    // `for x in` counts to the length, which may be hidden.
    if ('length' in value && !(this.#sink.add('#') && this.#hidden(value))) return false;
    for (const key in value) {
      if (!this.#sink.add(textAtom('k', key))) return false;
      const found = peek(value, key);
      if (found === OWN_ACCESSOR || found === INHERITED_ACCESSOR) {
        if (!this.#unseen('it has getters')) return false;
      } else if (!this.#value(node.each ?? BARE, found)) return false;
    }
    return this.#sink.add('}');
  }

  /** Writes a length, which an object's names may not have. */
  #hidden(value: object): boolean {
    const found = peek(value, 'length');
    return typeof found === 'symbol' ? this.#unseen('its length is a getter') : this.#value(BARE, found);
  }

  /** Writes the number of an object: one object in two places must differ from two that look alike. */
  #number(value: unknown): boolean {
    if (this.#firstObject === undefined) this.#firstObject = value;
    if (value === this.#firstObject) return this.#sink.add('o0,');
    this.#objects ??= new Map();
    let number = this.#objects.get(value);
    if (number === undefined) {
      number = this.#objects.size + 1;
      this.#objects.set(value, number);
    }
    return this.#sink.add(NUMBERS[number] ?? `o${number},`);
  }

  whole(value: unknown, depth: number): boolean {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      return this.#atom(value as Atom);
    }
    if (typeof value === 'function') return this.#function(BARE, value as never) && this.#statics(value, depth);
    if (isPlaceholder(value)) return this.#sink.pending();
    const model = this.#scope.models.indexOf(value);
    if (model !== -1) return this.#sink.add(`m${model},`) && this.#ofModel(WHOLE, value);
    const identity = this.#world.identity(value);
    if (identity !== undefined) return this.#model(identity, value) && this.#ofModel(WHOLE, value);
    if (!this.#number(value)) return false;
    return this.#world.isMarkedSafe(value) ? this.#safe(value) : this.#once(value, depth);
  }

  /** Writes an object's own data, each object once. */
  #data(value: object, depth: number): boolean {
    if (depth > MAX_DEPTH) return this.#unseen(`it is nested deeper than ${MAX_DEPTH} levels`);
    if (Array.isArray(value)) {
      if (!this.#sink.add(`[${value.length}:`)) return false;
      for (let i = 0; i < value.length; i++) {
        const isDone = i in value ? this.whole(value[i], depth + 1) : this.#sink.add('e');
        if (!isDone) return false;
      }
      return this.#sink.add(']') && this.#extras(value, depth);
    }
    const text = builtInText(value);
    if (text !== undefined) return this.#sink.add(text) && this.#extras(value, depth);
    if (value instanceof Map) {
      if (!this.#sink.add(`M${value.size}:`)) return false;
      for (const [key, item] of Map.prototype.entries.call(value)) {
        if (!this.whole(key, depth + 1) || !this.whole(item, depth + 1)) return false;
      }
      return this.#sink.add(']') && this.#extras(value, depth);
    }
    if (value instanceof Set) {
      if (!this.#sink.add(`S${value.size}:`)) return false;
      for (const item of Set.prototype.values.call(value)) if (!this.whole(item, depth + 1)) return false;
      return this.#sink.add(']') && this.#extras(value, depth);
    }
    if (types.isPromise(value)) return this.#unseen('it is a promise: await it first');
    if (types.isProxy(value)) return this.#unseen('it is a proxy, which may give anything');
    return this.#properties(value, depth);
  }

  #properties(value: object, depth: number): boolean {
    const keys = Reflect.ownKeys(value);
    // An instance without properties prints what its class closes over, so it is identified as a function is.
    const text = keys.length > 0 || isPlain(value) ? '' : this.#world.codeText(value);
    if (!this.#sink.add(kindOf(value)) || !this.#code(value, depth)) return false;
    if (text === undefined) return this.#unseen(NO_DATA);
    return (text === '' || this.#sink.add(`x${text},`)) && this.#own(value, keys, depth);
  }

  /** Writes the class of an instance: its methods are code, as a function is. */
  #code(value: object, depth: number): boolean {
    if (isPlain(value)) return true;
    const prototype = Object.getPrototypeOf(value);
    if (hasHiddenState(prototype)) return this.#unseen('its class has private state, which cannot be compared');
    // The prototype is an ordinary object, so compare it as data.
    if (!isOfClass(prototype)) return this.#sink.add('^') && this.whole(prototype, depth + 1);
    const text = this.#world.codeText(prototype);
    return text === undefined ? this.#unseen(UNTRUSTED_CLASS) : this.#sink.add(`x${text},`);
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
    if (!this.#sink.add('+')) return false;
    if (!isBuiltIn && (!this.#sink.add(kindOf(value)) || !this.#code(value, depth))) return false;
    return this.#own(value, keys, depth);
  }

  #own(value: object, keys: readonly (string | symbol)[], depth: number): boolean {
    for (const key of keys) {
      const property = Reflect.getOwnPropertyDescriptor(value, key);
      if (property === undefined) continue;
      const name = String(key);
      if (!('value' in property)) return this.#unseen(`${name} is a getter`);
      this.#path.push(name);
      if (!property.enumerable && !this.#sink.add('~')) return false;
      const isAdded = typeof key === 'symbol' ? this.#symbol(key) : this.#sink.add(textAtom('k', name));
      if (!isAdded || !this.whole(property.value, depth + 1)) return false;
      this.#path.pop();
    }
    return this.#sink.add('}');
  }
}

/** Tells objects apart to which nothing can be added: a function may ask which kind they are. */
function closedKind(value: object): string {
  if (Object.isFrozen(value)) return '!f';
  return Object.isSealed(value) ? '!s' : '!';
}

/** Tells a list with its own way of printing from an ordinary one. */
function listKind(value: object): string {
  if (!Array.isArray(value)) return 'S';
  const isOrdinary =
    Object.getPrototypeOf(value) === Array.prototype &&
    !Object.hasOwn(value, 'toString') &&
    !Object.hasOwn(value, 'join');
  return isOrdinary ? '[' : `[${kindOf(value)}${hasOwnText(value) ? '!' : ''}`;
}

/** Short cut for the most frequent objects: plain ones, no proxies, of which only some members are compared. */
function isRow({ whole, entries, type }: ReadNode, value: object): boolean {
  if (whole || entries || type !== undefined || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return !types.isProxy(value);
}

const NUMBERS = Array.from({ length: 256 }, (_, number) => `o${number},`);

const BARE: ReadNode = {
  step: '',
  whole: false,
  list: false,
  entries: false,
  isStoodFor: false,
  isData: true,
  isEnd: true,
  type: undefined,
  children: [],
  each: undefined,
  context: undefined,
};

const WHOLE: ReadNode = { ...BARE, whole: true, isEnd: false };

/** Symbols that the language itself uses. */
const WELL_KNOWN: ReadonlyMap<unknown, string> = new Map(
  Object.getOwnPropertyNames(Symbol).map((name) => [Reflect.get(Symbol, name), name]),
);

/** Kind of a plain object with a text of its own. */
const OWN_TEXT = '{!';

const UNTRUSTED_CLASS = 'its class was not met in an earlier render, and its methods are code';
const NO_DATA = 'it was not met in an earlier render, and has no data to compare';
const UNTRUSTED_SYMBOL = 'it is a symbol that was not met in an earlier render';
const UNTRUSTED = 'it is a function of the page that was not met in an earlier render';
