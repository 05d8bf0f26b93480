import type { Identity } from '../model/identity.ts';
import { isPlain } from '../util/plain.ts';
import { type Presence, textAtom } from './atom.ts';
import { elementsOf } from './objects.ts';
import { peek } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import { END } from './presences.ts';
import type { ReadNode } from './shape.ts';
import { type Sink, TooMuch } from './sink.ts';
import type { World } from './world.ts';

/**
 * Codes are written here before they become a string, so that nothing is allocated meanwhile. Shared by all walks: they
 * are synchronous and never nest.
 */
const scratch = new Uint16Array(32_768);
const END_CODE = END.charCodeAt(0);

/** Returns the identity of a model met on the way. `type` is the type that a tag gave to the rows there. */
export function identityOf(world: World, value: object, type: string | undefined): Identity | undefined {
  return world.identity(value) ?? (type === undefined ? undefined : world.rowIdentity(value, type));
}

/**
 * Writes what was read below models. Of each value only its presence counts: absent, null, true, false or present; an
 * object known from elsewhere counts as that object.
 */
export class BelowModels {
  readonly #world: World;
  readonly #sink: Sink;
  readonly #presence: Presence;
  readonly #written = new Set<object>();

  constructor(world: World, sink: Sink, presence: Presence) {
    this.#world = world;
    this.#sink = sink;
    this.#presence = presence;
  }

  /** Writes the presence of each value that was read. */
  presences(node: ReadNode, value: object): string {
    return text(this.#presences(node, value, 0));
  }

  /**
   * Writes the presence of all properties of a model and of the objects in it, because a function that receives the
   * model may read any of them.
   */
  columns(value: object): string {
    return text(this.#columns(value, 0));
  }

  /** Writes into the scratch array from an index on; returns the index behind. */
  #presences({ children, each, entries }: ReadNode, value: object, start: number): number {
    let at = start;
    for (let i = 0; i < children.length; i++) {
      const child = children[i] as ReadNode;
      const found = child.isData ? (value as Record<string, unknown>)[child.step] : peek(value, child.step);
      scratch[at++] = this.#presence(found);
      if (typeof found === 'object' && found !== null) at = this.#deeper(child, found, at);
    }
    if (entries) return this.#entries(each, value, at);
    if (each === undefined || !Array.isArray(value)) return at;
    checkRoom(at + value.length);
    for (let i = 0; i < value.length; i++) at = this.#element(each, value[i], at);
    scratch[at++] = END_CODE;
    return at;
  }

  /** Writes the names and elements that `for` visits. */
  #entries(each: ReadNode | undefined, value: object, start: number): number {
    let at = start;
    if (Array.isArray(value) || value instanceof Map || value instanceof Set) {
      for (const element of elementsOf(value)) at = this.#element(each, element, at);
    } else {
      for (const key in value) at = this.#element(each, peek(value, key), this.#name(key, at));
    }
    scratch[at++] = END_CODE;
    return at;
  }

  #element(each: ReadNode | undefined, element: unknown, start: number): number {
    let at = start;
    checkRoom(at);
    scratch[at++] = this.#presence(element);
    const isDeeper = each !== undefined && typeof element === 'object' && element !== null;
    return isDeeper ? this.#deeper(each, element, at) : at;
  }

  #name(key: string | symbol, start: number): number {
    const name = textAtom('k', String(key));
    checkRoom(start + name.length);
    let at = start;
    for (let i = 0; i < name.length; i++) scratch[at++] = name.charCodeAt(i);
    return at;
  }

  #deeper(node: ReadNode, value: object, start: number): number {
    if (this.#sink.isMeeting && !isPlaceholder(value)) this.#meet(value, node.type);
    if (node.isEnd) return start;
    checkRoom(start);
    return this.#presences(node, value, node.whole ? this.#columns(value, start) : start);
  }

  #columns(value: object, start: number): number {
    this.#written.clear();
    return this.#allOf(value, start);
  }

  /** Writes the properties of an object and, once each, of the objects in it. */
  #allOf(value: object, start: number): number {
    this.#written.add(value);
    let at = start;
    const isList = Array.isArray(value) || value instanceof Map || value instanceof Set;
    const elements = isList ? elementsOf(value) : Reflect.ownKeys(value);
    for (const item of elements) {
      const found = isList ? item : peek(value, item as string);
      checkRoom(at);
      scratch[at++] = this.#presence(found);
      if (!isList) at = this.#name(item as string, at);
      const isNew = typeof found === 'object' && found !== null && !this.#written.has(found);
      if (isNew && this.#isLookedInto(found)) at = this.#allOf(found, at);
    }
    scratch[at++] = END_CODE;
    return at;
  }

  /**
   * Looks into plain objects, lists, maps, sets and models. Other instances may hold anything, such as a database
   * client.
   */
  #isLookedInto(value: object): boolean {
    if (isPlaceholder(value)) return false;
    if (isPlain(value) || value instanceof Map || value instanceof Set) return true;
    return this.#world.uncomparedIdentity(value) !== undefined;
  }

  #meet(value: object, type: string | undefined): void {
    const identity = identityOf(this.#world, value, type);
    if (identity !== undefined) this.#sink.met(identity);
  }
}

/** Returns what was written up to an index, as a string. */
function text(end: number): string {
  return String.fromCharCode.apply(null, scratch.subarray(0, end) as never);
}

function checkRoom(needed: number): void {
  if (needed > scratch.length / 2) throw new TooMuch('more is read below a model than can be compared');
}
