import type { Identity } from '../model/identity.ts';
import { digest } from '../util/digest.ts';
import { PRESENT, type Presence, textAtom } from './atom.ts';
import { contentsOf, isLookedInto, staticName } from './contents.ts';
import { elementsOf } from './objects.ts';
import { INHERITED_ACCESSOR, OWN_ACCESSOR, peek } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import { END } from './presences.ts';
import type { ReadNode } from './read-node.ts';
import { type Sink, TooMuch } from './sink.ts';
import type { Scope, World } from './world.ts';

/**
 * Codes are written here before they become a string, so that nothing is allocated meanwhile. Shared by all walks: they
 * are synchronous and never nest.
 */
const scratch = new Uint16Array(32_768);
const START_CODE = '{'.charCodeAt(0);
const END_CODE = END.charCodeAt(0);
/** A name begins with this code and its length. Presences, ends and digests have lower codes: a page may choose names. */
const FIRST_NAME = 0xe000;
/** Characters of a digest. */
const CHARACTERS = 22;
/** Names that are written as they are, behind their length: short ones without halves of surrogate pairs. */
const SHORT_NAME = /^[^\ud800-\udfff]{0,60}$/;

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
  readonly #contents: typeof contentsOf;
  /** Objects whose properties were written. Once is enough, and objects may hold each other. */
  #written: Set<object> | undefined;

  constructor({ world, contents }: Scope, sink: Sink, presence: Presence) {
    this.#contents = contents ?? contentsOf;
    this.#world = world;
    this.#sink = sink;
    this.#presence = presence;
  }

  /** Writes the presence of each value that was read. */
  presences(node: ReadNode, value: object): string {
    return text(this.#presences(node, value, 0));
  }

  /**
   * Writes a digest of the presence of all properties of a model and of the objects in it, because a function that
   * receives the model, a method or a getter may read any of them.
   */
  columns(value: object): string {
    return text(this.#columns(value, 0));
  }

  /** Writes into the scratch array from an index on; returns the index behind. */
  #presences({ children, each, entries }: ReadNode, value: object, start: number): number {
    let at = start;
    let isComputed = false;
    for (let i = 0; i < children.length; i++) {
      const child = children[i] as ReadNode;
      const found = child.isData ? (value as Record<string, unknown>)[child.step] : peek(value, child.step);
      scratch[at++] = this.#presence(found);
      if (typeof found === 'object' && found !== null) at = this.#deeper(child, found, at);
      else if (isAccessor(found)) isComputed = true;
    }
    // What a getter gives is computed from the object's own data.
    if (isComputed) at = this.#columns(value, at);
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
      let isComputed = false;
      for (const key in value) {
        const found = peek(value, key);
        isComputed ||= isAccessor(found);
        at = this.#element(each, found, this.#name(key, at));
      }
      if (isComputed) at = this.#columns(value, at);
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
    const name = typeof key === 'string' && SHORT_NAME.test(key) ? key : textAtom('k', String(key));
    checkRoom(start + name.length);
    let at = start;
    scratch[at++] = FIRST_NAME + name.length;
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
    if (this.#written?.has(value)) return start;
    const written = text(this.#allOf(value, start), start);
    const short = digest(written, CHARACTERS);
    for (let i = 0; i < CHARACTERS; i++) scratch[start + i] = short.charCodeAt(i);
    return start + CHARACTERS;
  }

  /** Writes the properties of an object and, once each, of the objects in it. */
  #allOf(value: object, start: number): number {
    this.#written ??= new Set();
    this.#written.add(value);
    let at = start;
    scratch[at++] = START_CODE;
    const contents = this.#contents(value);
    for (let i = 0; i < contents.length; i += 2) {
      const name = contents[i] as string | symbol | undefined;
      at = this.#within(contents[i + 1], name === undefined ? at : this.#name(name, at));
    }
    scratch[at++] = END_CODE;
    return at;
  }

  #within(found: unknown, start: number): number {
    checkRoom(start);
    const isText = typeof found === 'string' || typeof found === 'number';
    scratch[start] = isText ? PRESENT : this.#presence(found);
    if (typeof found !== 'object' || found === null || this.#written?.has(found)) return start + 1;
    if (isLookedInto(found, this.#world)) return this.#allOf(found, start + 1);
    return this.#name(staticName(found) ?? '', start + 1);
  }

  #meet(value: object, type: string | undefined): void {
    const identity = identityOf(this.#world, value, type);
    if (identity !== undefined) this.#sink.met(identity);
  }
}

function isAccessor(found: unknown): boolean {
  return found === INHERITED_ACCESSOR || found === OWN_ACCESSOR;
}

/** Returns what was written between two indexes, as a string. */
function text(end: number, start = 0): string {
  return String.fromCharCode.apply(null, scratch.subarray(start, end) as never);
}

function checkRoom(needed: number): void {
  if (needed > scratch.length / 2) throw new TooMuch('more is read below a model than can be compared');
}
