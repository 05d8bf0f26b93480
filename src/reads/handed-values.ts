import type { Identity } from '../model/identity.ts';
import { presence } from './atom.ts';
import { contentsOf, isLookedInto } from './contents.ts';
import type { KnownObjects } from './known-objects.ts';
import { isLazy } from './lazies.ts';
import { hasOwnText, isObject } from './objects.ts';
import { isPlaceholder } from './placeholder.ts';
import type { RecordedPaths } from './recorded-paths.ts';
import { Collector } from './sinks.ts';
import { walkWhole } from './walk.ts';
import type { Scope } from './world.ts';

/** Limit of objects visited in one value that a function receives. */
const MAX_SCANNED = 1_000;
/** Limit of objects searched in values that functions received, to tell whether a body sets one of them. */
const MAX_COLLECTED = 10_000;

/**
 * Where a value is that is searched for models. In what is `compared`, only models are met. What is `below` a model, or
 * was `given` by a function, is not compared, so whatever has an id there is met.
 */
type Place = 'compared' | 'below' | 'given';

/** A value whose text may be read. */
interface TextRead {
  readonly place: Place;
  /** Whether the text is used, and not only what a function returned. */
  readonly isUsed: boolean;
  /** Lists that it stands in. */
  readonly lists: Set<object>;
}

/**
 * The values that functions, filters and getters receive and return when a body calls them. A function may read
 * everything that it receives.
 */
export class HandedValues {
  readonly #scope: Scope;
  readonly #met: (identity: Identity) => void;
  readonly #paths: RecordedPaths;
  readonly #objects: KnownObjects;
  /**
   * Text of each value that a function received, at the time of the call, or that may be printed. Compared at the end,
   * in case a function changed the value.
   */
  #handed: Map<object, string> | undefined;
  /** All objects that functions received. */
  #handedAll: Set<object> | undefined;
  #inHanded: { readonly of: number; readonly objects: ReadonlySet<object> } | undefined;
  /** Objects already searched for models. */
  #searched: Set<object> | undefined;
  /** What models, and all objects below them, held before anything could change it. */
  #before: Map<object, readonly unknown[]> | undefined;
  /** Objects returned by functions, and those found in them. The next page may get the same objects. */
  #fromFunctions: Set<object> | undefined;

  /** @param met called with each model in a value that is compared whole */
  constructor(scope: Scope, met: (identity: Identity) => void, paths: RecordedPaths) {
    this.#scope = scope;
    this.#met = met;
    this.#paths = paths;
    this.#objects = paths.objects;
  }

  /** A function, filter, test or another tag receives a value. */
  hand(value: unknown): void {
    if (isObject(value)) this.#hand(value, { left: MAX_SCANNED, done: new Set() });
  }

  /** Keeps the text of an object that may be read whole, from before anything can change it. */
  keep(object: object): void {
    this.#handed ??= new Map();
    if (!this.#handed.has(object)) this.#handed.set(object, this.#textOf(object));
  }

  /** A getter of an object is called: it may read any model in the object. */
  computed(object: object): void {
    this.#search(object, this.#placeOf(object), { left: MAX_SCANNED });
  }

  #placeOf(object: object): Place {
    const { nodes } = this.#objects.of(object);
    if (nodes.length === 0) return this.isGiven(object) ? 'given' : 'compared';
    return nodes.every(({ isBelow }) => isBelow) ? 'below' : 'compared';
  }

  /** Records the result of a function. It may or may not have been made for this page. */
  given(value: unknown): void {
    if (!isObject(value)) return;
    this.#fromFunctions ??= new Set();
    this.#fromFunctions.add(value);
    this.#textRead(value, { place: 'given', isUsed: false, lists: new Set() });
  }

  /** The text of a value is used: it may be printed, or compared with another. */
  printed(value: object): void {
    // What nobody has seen may come from an instance that keeps it where nobody looks.
    const place = this.#objects.find(value) === undefined ? 'given' : this.#placeOf(value);
    this.#textRead(value, { place, isUsed: true, lists: new Set() });
  }

  /** Adds dependencies on the models that a text may read: of a list those of its elements, of an instance any in it. */
  #textRead(value: object, text: TextRead): void {
    const { place, isUsed, lists } = text;
    if (place === 'given') this.#objects.meetUncompared(value);
    if (isPlaceholder(value) || typeof value === 'function' || lists.has(value)) return;
    if (Array.isArray(value)) {
      lists.add(value);
      for (const item of value)
        if (isObject(item)) this.#textRead(item, { ...text, place: this.#placeIn(item, place) });
    }
    // Most models that a function returns are not printed.
    const mayRead = isUsed || this.#scope.world.uncomparedIdentity(value) === undefined;
    if (mayRead && hasOwnText(value)) this.#search(value, place, { left: MAX_SCANNED });
  }

  /** The place of an element of a list. */
  #placeIn(element: object, ofList: Place): Place {
    return this.#objects.find(element)?.nodes.length ? this.#placeOf(element) : ofList;
  }

  isGiven(value: unknown): boolean {
    return isObject(value) && this.#fromFunctions?.has(value) === true;
  }

  /** Whether an object is part of a value that a function received; the function's result may contain it. */
  isInHanded(object: object): boolean {
    if (this.#handedAll === undefined) return false;
    if (this.#inHanded === undefined || this.#inHanded.of < this.#handedAll.size) {
      const objects = new Set<object>();
      for (const handed of this.#handedAll) if (!collect(handed, objects)) break;
      this.#inHanded = { of: this.#handedAll.size, objects };
    }
    const { objects } = this.#inHanded;
    return objects.has(object) || objects.size >= MAX_COLLECTED;
  }

  /** Returns what an object below a model held before anything could change it. An entry is stored with that. */
  contentsBefore(object: object): readonly unknown[] {
    return this.#before?.get(object) ?? contentsOf(object);
  }

  /** Returns what has changed below a model since a function could change it: a property, and the class of its object. */
  changedBelow(): string | undefined {
    for (const [object, before] of this.#before ?? NONE) {
      const name = changedName(before, contentsOf(object));
      if (name !== undefined) return `\`${String(name)}\` of ${classNameOf(object)}`;
    }
    return undefined;
  }

  /** Returns the objects that have changed since their text was kept. */
  changed(): readonly object[] {
    return [...(this.#handed ?? NONE)].flatMap(([object, text]) => (this.#textOf(object) === text ? [] : [object]));
  }

  #hand(value: object, budget: { left: number; readonly done: Set<object> }): void {
    if (isPlaceholder(value) || isLazy(value) || budget.done.has(value)) return;
    budget.done.add(value);
    const bound = typeof value === 'function' ? this.#scope.world.boundTo(value) : undefined;
    if (isObject(bound)) this.#hand(bound, budget);
    this.#handedAll ??= new Set();
    this.#handedAll.add(value);
    const { nodes, isModel } = this.#objects.of(value);
    if (nodes.length > 0) {
      for (const node of nodes) node.whole = true;
      const place = this.#placeOf(value);
      if (place === 'compared' && !isModel) this.keep(value);
      return this.#search(value, place, budget);
    }
    if (isModel) return this.#search(value, 'given', budget);
    if (budget.left-- <= 0) return this.#tooMany(value);
    this.#objects.meetUncompared(value);
    if (typeof value === 'function') return;
    for (const item of this.#objectsIn(contentsOf(value))) this.#hand(item, budget);
  }

  /** Adds dependencies on the models in a value that is read whole. */
  #search(value: object, place: Place, budget: { left: number }): void {
    if (isPlaceholder(value) || typeof value === 'function') return;
    const at = place === 'compared' && this.#objects.isModel(value) ? 'below' : place;
    if (at === 'below') this.#before ??= new Map();
    else this.#searched ??= new Set();
    if ((at === 'below' ? this.#before : this.#searched)?.has(value)) return;
    if (budget.left-- <= 0) return this.#tooMany(value);
    const contents = contentsOf(value);
    if (at === 'below') this.#before?.set(value, contents);
    else this.#searched?.add(value);
    if (at !== 'compared') this.#objects.meetUncompared(value);
    for (const item of this.#objectsIn(contents)) this.#search(item, at, budget);
  }

  *#objectsIn(contents: readonly unknown[]): Iterable<object> {
    for (const item of contents) {
      if (isObject(item) && (typeof item === 'function' || isLookedInto(item, this.#scope.world))) yield item;
    }
  }

  #tooMany(value: object): void {
    this.#paths.cannotSee(this.#objects.pathOf(value), `a function is handed more than ${MAX_SCANNED} objects`);
  }

  /** Returns the text of a value that a function receives, and adds dependencies on the models in it. */
  #textOf(value: object): string {
    const collector = new Collector(this.#met);
    walkWhole(value, this.#scope, collector);
    return collector.text;
  }
}

/** Collects an object and all objects in it; false when there are more than the limit. */
function collect(value: object, objects: Set<object>): boolean {
  if (objects.has(value) || isPlaceholder(value) || typeof value === 'function') return true;
  objects.add(value);
  if (objects.size >= MAX_COLLECTED) return false;
  for (const item of contentsOf(value)) if (isObject(item) && !collect(item, objects)) return false;
  return true;
}

/**
 * Returns the name of what an object below a model no longer holds as it did; of an element, its number. What a method or
 * filter adds to it, or puts where nothing was, is made of the rest; not so a mark, which is a boolean.
 */
function changedName(before: readonly unknown[], now: readonly unknown[]): unknown {
  let at = 0;
  for (let i = 0; i < before.length; i += 2, at += 2) {
    while (at < now.length && now[at] !== before[i]) {
      if (!isAddition(now[at], now[at + 1])) return now[at] ?? at / 2;
      at += 2;
    }
    const [value, found] = [before[i + 1], now[at + 1]];
    const isFilled = (value === undefined || value === null) && typeof found !== 'boolean' && found !== undefined;
    if (at >= now.length || (!isFilled && presence(value) !== presence(found))) return before[i] ?? i / 2;
  }
  for (; at < now.length; at += 2) if (!isAddition(now[at], now[at + 1])) return now[at] ?? at / 2;
  return undefined;
}

/** Elements have no name: their number counts. */
function isAddition(name: unknown, value: unknown): boolean {
  return name !== undefined && typeof value !== 'boolean';
}

function classNameOf(object: object): string {
  const prototype: object | null = Reflect.getPrototypeOf(object);
  const made: unknown = prototype && Reflect.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return typeof made === 'function' && made.name !== '' ? made.name : 'an object';
}

const NONE: readonly never[] = [];
