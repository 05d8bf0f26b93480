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

/** What is below a model is written here before it is handed on: nothing is allocated meanwhile, and nothing else runs. */
const scratch = new Uint16Array(32_768);
const END_CODE = END.charCodeAt(0);

/** A model that was met on the way; `type` is what a tag said of the rows there. */
export function identityOf(world: World, value: object, type: string | undefined): Identity | undefined {
  return world.identity(value) ?? (type === undefined ? undefined : world.rowIdentity(value, type));
}

/** Writes whether values below models are there, which of the two booleans are, and which objects stand elsewhere too. */
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

  /** The values that were read. */
  presences(node: ReadNode, value: object): string {
    return text(this.#presences(node, value, 0));
  }

  /** All of a model's properties, and of what is in them: what is handed a model may look at any. */
  columns(value: object): string {
    return text(this.#columns(value, 0));
  }

  /** Writes from a place in the scratch on; returns where it ends. */
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

  /** What `for` goes over that is no list: names are there, or not, as elements are. */
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

  /** The properties of an object, and of those in it, each object once. */
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

  /** Other instances are left to whoever they are the data of. */
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

/** What was written up to a place. */
function text(end: number): string {
  return String.fromCharCode.apply(null, scratch.subarray(0, end) as never);
}

function checkRoom(needed: number): void {
  if (needed > scratch.length / 2) throw new TooMuch('more is read below a model than can be compared');
}
