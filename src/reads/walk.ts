import { types } from 'node:util';
import { type Atom, FIRST_OBJECT, LAST_OBJECT, type Presence, presence, textAtom } from './atom.ts';
import { BelowModels, identityOf } from './below-models.ts';
import { isData, kindOf } from './built-in.ts';
import { isLazy } from './lazies.ts';
import { hasOwnText, hasOwnTextIfPlain } from './objects.ts';
import { INHERITED_ACCESSOR, METHOD, OWN_ACCESSOR, peek, peekOrdinary } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import { BARE, type ReadNode } from './read-node.ts';
import type { ReadShape } from './shape.ts';
import { type Sink, TooMuch } from './sink.ts';
import { UNTRUSTED, ValueWriter } from './value-writer.ts';
import type { Scope } from './world.ts';

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

/** One evaluation of a shape. */
class Walk extends ValueWriter {
  all({ roots }: ReadShape): boolean {
    for (const { kind, node } of roots) {
      const value = this.scope[kind](node.step);
      try {
        this.path[0] = node.step;
        if (!this.#value(node, value)) return false;
      } catch (error) {
        if (error instanceof TooMuch) return this.sink.tooMuch();
        if (!this.sink.unseen(node.step, 'looking at it throws')) return false;
        this.path.length = 1;
      }
    }
    return this.#ofModels();
  }

  /** Compares what was read below the models. Presence is enough, because the models' tokens stand for the values. */
  #ofModels(): boolean {
    const models = this.models;
    if (models === undefined) return true;
    const among: Presence = (value) => this.#presenceAmong(value);
    let below: BelowModels | undefined;
    for (let i = 0; i < models.length; i += 2) {
      const node = models[i] as ReadNode;
      const model = models[i + 1] as object;
      try {
        // Most often the sink compares without text.
        let isSame = node.whole ? undefined : this.sink.below?.(node, model, among);
        if (isSame === undefined) {
          below ??= new BelowModels(this.scope, this.sink, among);
          isSame = (!node.whole || this.sink.add(below.columns(model))) && this.sink.add(below.presences(node, model));
        }
        if (!isSame) return false;
      } catch (error) {
        if (error instanceof TooMuch) return this.sink.tooMuch();
        if (!this.sink.unseen(node.step, 'looking at it throws')) return false;
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
    const { models } = this.scope;
    const model = models.indexOf(value as object);
    if (model !== -1) return FIRST_OBJECT + model;
    const number = this.numberOf(value);
    if (number === undefined) return presence(value);
    const code = FIRST_OBJECT + models.length + number;
    if (code > LAST_OBJECT) throw new TooMuch('more objects are read than can be told apart');
    return code;
  }

  #value(node: ReadNode, value: unknown): boolean {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
      return this.atom(value as Atom);
    }
    return typeof value === 'function' ? this.#function(node, value as never) : this.#object(node, value);
  }

  #function(node: ReadNode, value: (...args: never[]) => unknown): boolean {
    // A lazy is loaded after the tokens were read, and reports its own dependencies.
    if (isLazy(value)) return this.sink.add('l');
    const text = this.world.functionText(value);
    if (text === undefined) return this.unseen(UNTRUSTED);
    if (!this.sink.add(`x${text},`)) return false;
    if (node.context !== undefined) {
      for (const child of node.context.children) {
        const found = this.scope.ofMacro(value, child.step);
        this.path.push('()', child.step);
        if (found === undefined) {
          if (!this.unseen('a variable of a template that cannot be told')) return false;
        } else if (!this.#value(child, found.value)) return false;
        this.path.length -= 2;
      }
    }
    return (!node.whole || this.statics(value, 0)) && this.#members(node, value);
  }

  #object(node: ReadNode, value: object): boolean {
    if (isRow(node, value) && !this.scope.models.includes(value) && this.world.identity(value) === undefined) {
      const kind = hasOwnTextIfPlain(value) ? OWN_TEXT : '{';
      return this.number(value) && this.sink.add(kind) && this.#ordinaryMembers(node, value);
    }
    const model = this.scope.models.indexOf(value);
    if (model !== -1) return this.sink.add(model === 0 ? 'm0,' : `m${model},`) && this.ofModel(node, value);
    if (isPlaceholder(value)) return this.sink.pending();
    const identity = identityOf(this.world, value, node.type);
    if (identity !== undefined) return this.model(identity, value) && this.ofModel(node, value);
    if (!this.number(value)) return false;
    if (this.world.isMarkedSafe(value)) return this.safe(value);
    if (node.whole) {
      if (!this.once(value, 0)) return false;
    } else if (Array.isArray(value) || value instanceof Set) {
      if (!this.sink.add(listKind(value))) return false;
      if (node.list && !this.#list(node, Array.isArray(value) ? value : [...value])) return false;
    } else if (value instanceof Map) {
      if (!this.sink.add('M') || (node.list && !this.#map(node, value))) return false;
    } else if (isData(value)) {
      if (!this.data(value, 0)) return false;
    } else {
      if (!this.sink.add(kindOf(value)) || (hasOwnText(value) && !this.sink.add('!'))) return false;
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
        if (!this.sink.addAtom(found)) return false;
      } else if (!this.#member(child, found, value)) return false;
    }
    return true;
  }

  #member(child: ReadNode, found: unknown, of: object): boolean {
    this.path.push(child.step);
    if (found === OWN_ACCESSOR) {
      if (!this.unseen('it is a getter')) return false;
    } else if (found === INHERITED_ACCESSOR) {
      // A getter of a class computes from the object's own data, so compare all of that.
      if (!this.sink.add('a') || !this.once(of, 0)) return false;
    } else if (found === METHOD) {
      // The object is compared where the method is called, and with it its class.
      if (!this.sink.add('c')) return false;
    } else if (!this.#value(child, found)) return false;
    this.path.pop();
    return true;
  }

  #list(node: ReadNode, value: readonly unknown[]): boolean {
    if (!this.sink.add(`${value.length}:`)) return false;
    const { each } = node;
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      const isDone = item === undefined && !(i in value) ? this.sink.add('e') : this.#value(each ?? BARE, item);
      if (!isDone) return false;
    }
    return this.sink.add(']');
  }

  #map(node: ReadNode, value: ReadonlyMap<unknown, unknown>): boolean {
    if (!this.sink.add(`${value.size}:`)) return false;
    for (const [key, item] of value) {
      if (!this.whole(key, 0) || !this.#value(node.each ?? BARE, item)) return false;
    }
    return this.sink.add(']');
  }

  #entries(node: ReadNode, value: object): boolean {
    // Include inherited names, as `for k, v in` does.
    if (Symbol.iterator in value && !this.unseen('going over it runs code of the page')) return false;
    // `for x in` counts to the length, which may be hidden.
    if ('length' in value && !(this.sink.add('#') && this.#hidden(value))) return false;
    for (const key in value) {
      if (!this.sink.add(textAtom('k', key))) return false;
      const found = peek(value, key);
      if (found === OWN_ACCESSOR || found === INHERITED_ACCESSOR) {
        if (!this.unseen('it has getters')) return false;
      } else if (!this.#value(node.each ?? BARE, found)) return false;
    }
    return this.sink.add('}');
  }

  /** Writes a length, which an object's names may not have. */
  #hidden(value: object): boolean {
    const found = peek(value, 'length');
    return typeof found === 'symbol' ? this.unseen('its length is a getter') : this.#value(BARE, found);
  }
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

/** Kind of a plain object with a text of its own. */
const OWN_TEXT = '{!';
