import type { Identity } from '../model/identity.ts';
import { isPlain } from '../util/plain.ts';
import { isLazy } from './lazies.ts';
import { elementsOf, hasOwnText, isObject } from './objects.ts';
import { INHERITED_ACCESSOR, METHOD, OWN_ACCESSOR, peek } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import { NOT_SEEN, type Paths, RecordNode } from './record-node.ts';
import type { ReadNode, ReadRoot, ReadShape, RootKind } from './shape.ts';
import { Collector, type Unseen } from './sinks.ts';
import { walkWhole } from './walk.ts';
import type { Scope } from './world.ts';

/** Objects looked at in one container that a function is handed. */
const MAX_SCANNED = 1_000;

/** Objects looked through for what a body sets. */
const MAX_COLLECTED = 10_000;
/** Longest name of a member that is a step of a path. */
const MAX_STEP = 200;
/** Paths by which one object is reached, of which what is read of it is recorded. */
const MAX_NODES = 16;
/** Steps that are taken to repeat what a fragment in the body read. */
const MAX_REPEATED = 20_000;

/** An object that the body met. */
interface Known {
  /** Where it was found; none for what the body made, or what was loaded for it. */
  readonly nodes: readonly RecordNode[];
  /** A model, of the tag or another. */
  readonly isModel: boolean;
  /** It stands for something that is still being loaded: nothing of this run counts. */
  readonly isPlaceholder: boolean;
}

const NOWHERE: readonly RecordNode[] = [];
const PLACEHOLDER: Known = { nodes: NOWHERE, isModel: false, isPlaceholder: true };

/** Looks variables up for the body around a fragment, as the fragment's body did. */
export interface RepeatedAt {
  read(kind: RootKind, name: string): unknown;
  /** A variable of the template that a macro of the body's own stands in. */
  readOfMacro(macro: object, name: string, value: unknown): void;
}

interface Root {
  readonly kind: RootKind;
  readonly node: RecordNode;
}

/**
 * Records what a body reads of what stands outside of it, while it runs: each value's path from a variable. Objects are known by
 * the paths on which they were reached, so that what is read of them later, under whatever name, is found. Values that the
 * body makes itself are made of what it read.
 *
 * After "verifying traces" of Mokhov, Mitchell and Peyton Jones, Build Systems à la Carte, ICFP 2018, 5.2.2.
 */
export class Recorder {
  readonly #scope: Scope;
  readonly #met: (identity: Identity) => void;
  readonly #roots: Root[] = [];
  readonly #known = new Map<object, Known>();
  #lastObject: object | undefined;
  #last: Known = PLACEHOLDER;
  /** The text of what was handed to functions, as it was then. */
  #handed: Map<object, string> | undefined;
  /** Everything that functions were handed. */
  #handedAll: Set<object> | undefined;
  #inHanded: { readonly of: number; readonly objects: ReadonlySet<object> } | undefined;
  /** Lists as they were when the body went over them. */
  #iterated: Map<readonly unknown[], readonly unknown[]> | undefined;
  /** Lists, and objects with a text of their own, that were looked up and not looked into. */
  #lookedUp: Map<object, RecordNode[]> | undefined;
  /** What was asked for its identity although it is not compared; and what was walked through for that. */
  readonly #uncompared = new Set<object>();
  readonly #walked = new Set<object>();
  /** Rows that a tag in the body gave a type. */
  #typed: Map<object, string> | undefined;
  /** Objects that a getter gave. */
  #fromGetters: Set<object> | undefined;
  /** Objects that a function gave, and what was found in them: they may be there for the next page too. */
  #fromFunctions: Set<object> | undefined;
  #unseen: Unseen | undefined;
  readonly #generation: number;
  readonly #except: Paths;

  /**
   * @param met told of each model that is met
   * @param except paths that are not compared
   */
  constructor(scope: Scope, met: (identity: Identity) => void, except: Paths) {
    this.#scope = scope;
    this.#except = except;
    this.#met = met;
    this.#generation = scope.world.generation;
  }

  /** The first thing that cannot be compared. */
  get unseen(): Unseen | undefined {
    return this.#unseen;
  }

  /** The variables that were read. */
  get names(): readonly string[] {
    return this.#roots.map(({ node }) => node.step);
  }

  cannotSee(path: string, why: string): void {
    this.#unseen ??= { path, why };
  }

  /** A variable that stands outside was read. */
  root(kind: RootKind, name: string, value: unknown): void {
    for (let i = 0; i < this.#roots.length; i++) {
      const root = this.#roots[i] as Root;
      if (root.node.step === name && root.kind === kind) return this.#note(root.node, value);
    }
    const node = new RecordNode(name, undefined, false, false, this.#except);
    this.#roots.push({ kind, node });
    this.#note(node, value);
  }

  /** A value that is not looked up when it is used: a JavaScript variable of the compiled template. */
  variable(name: string, value: unknown): void {
    this.root('variable', name, value);
    if (isObject(value)) this.#unlooked(value);
  }

  /** A variable of the body's own was read: it may hold what stands outside. */
  again(value: unknown): void {
    const known = isObject(value) ? this.#known.get(value) : undefined;
    if (known === undefined || known.isModel) return;
    for (const node of known.nodes) this.#use(node, value as object);
  }

  /** `object[key]` was read, and was `value`. */
  member(object: unknown, key: unknown, value: unknown): void {
    if (!isObject(object)) return;
    const { nodes, isPlaceholder } = this.#know(object);
    if (isPlaceholder) return;
    if (nodes.length === 0) {
      this.#meetUncompared(object);
      if (this.#fromGetters?.has(object)) this.cannotSee(String(key), 'it is read of what a getter made');
      if (this.#fromFunctions?.has(object)) this.given(value);
      // An object of the body's own may hold one from outside.
      return this.again(value);
    }
    // What a function gave was not looked up here.
    if (this.#lookedUp !== undefined && !this.isGiven(object)) this.#lookedInto(object);
    if (nodes.length === 1 && this.#elementBelow(nodes[0] as RecordNode, key, value)) return;
    if (typeof key === 'symbol') return this.#hand(object, { left: MAX_SCANNED });
    const step = typeof key === 'string' ? key : String(key);
    // A name that a visitor may have chosen is not made a part of the shape.
    if (step.length > MAX_STEP) return this.#hand(object, { left: MAX_SCANNED });
    const found = peek(object, step);
    const isComputed =
      typeof found === 'symbol' && (found === METHOD || found === INHERITED_ACCESSOR || found === OWN_ACCESSOR);
    // Nunjucks wraps functions that it looks up in an object.
    const isSame =
      isComputed || Object.is(found, value) || (typeof found === 'function' && typeof value === 'function');
    if (!isSame) this.cannotSee(this.#pathOf(object), 'it gives another value each time');
    for (let i = 0; i < nodes.length; i++) {
      const child = (nodes[i] as RecordNode).child(step);
      if (isComputed) child.isData = false;
      else this.#note(child, found);
    }
    // What a getter gives was not there before.
    if (!isComputed || found === METHOD) return;
    // What computes it may look at any model in the object.
    this.#meetModels(object, { left: MAX_SCANNED });
    if (isObject(value)) this.#fromGetter(nodes, value);
  }

  /** What a getter gave: below a model it is the model's; of any other object nothing says what is in it. */
  #fromGetter(nodes: readonly RecordNode[], value: object): void {
    this.given(value);
    this.#meetUncompared(value);
    const isOfModel = nodes.some(({ isBelow, isModel }) => isBelow || isModel);
    if (isOfModel || this.#known.has(value) || typeof value === 'function') return;
    this.#fromGetters ??= new Set();
    this.#fromGetters.add(value);
  }

  /** What was read of other elements of a list below a model: only whether it is there will be compared. */
  #elementBelow(node: RecordNode, key: unknown, value: unknown): boolean {
    if (!node.isBelow || !node.isMany || typeof key !== 'string') return false;
    const child = node.find(key);
    if (child === undefined || !child.isData) return false;
    if (isObject(value)) this.#note(child, value);
    return true;
  }

  /** `for` goes over it. */
  iterate(value: unknown): void {
    if (!isObject(value)) return;
    this.#lookedInto(value);
    const { nodes } = this.#know(value);
    for (const node of nodes) this.#elements(node, value);
    if (this.#fromFunctions?.has(value)) for (const element of elementsOf(value)) this.given(element);
  }

  /** `for a, b in` takes the elements of a list apart, where nobody sees it. */
  destructure(value: unknown): void {
    if (!Array.isArray(value)) return;
    const isGiven = this.#fromFunctions?.has(value);
    for (const element of value) {
      if (!isObject(element)) continue;
      if (!Array.isArray(element)) this.hand(element);
      else if (isGiven) for (const item of element) this.given(item);
    }
  }

  /** A function gave a value: nobody knows whether it was made for this page. */
  given(value: unknown): void {
    if (!isObject(value)) return;
    this.#fromFunctions ??= new Set();
    this.#fromFunctions.add(value);
    this.#meetUncompared(value);
    // A list may be printed.
    if (Array.isArray(value))
      for (const item of value.slice(0, MAX_SCANNED)) if (isObject(item)) this.#meetUncompared(item);
  }

  /** Whether a function gave an object. */
  isGiven(value: unknown): boolean {
    return isObject(value) && this.#fromFunctions?.has(value) === true;
  }

  /** A function, filter, test or another tag is handed a value: it may look at all of it. */
  hand(value: unknown): void {
    if (isObject(value)) this.#hand(value, { left: MAX_SCANNED });
  }

  /** A macro is handed a value, as one of its JavaScript variables. */
  pass(value: unknown): void {
    if (isObject(value)) this.#unlooked(value);
  }

  /** A method of an object is called: what it computes, it computes from the object. */
  call(object: unknown, method: unknown): void {
    if (!isObject(object) || isLazy(method) || this.#scope.world.macro(method) !== undefined) return;
    if (this.#know(object).nodes.length > 0) this.#hand(object, { left: MAX_SCANNED });
  }

  /** A variable of the template that a macro stands in was read. */
  ofMacro(macro: object, name: string, value: unknown): boolean {
    const { nodes } = this.#know(macro);
    for (const node of nodes) {
      node.context ??= new RecordNode('()', node, node.isMany, false, []);
      this.#note(node.context.child(name), value);
    }
    return nodes.length > 0;
  }

  /** Where an object stands outside of the body, as it can be found again; undefined for none, or for an element of a list. */
  pathTo(object: object): { readonly kind: RootKind; readonly steps: readonly string[] } | undefined {
    for (const node of this.#know(object).nodes) {
      if (node.isMany || node.path.includes('()')) continue;
      let root = node;
      while (root.parent !== undefined) root = root.parent;
      const kind = this.#roots.find((one) => one.node === root)?.kind;
      if (kind !== undefined) return { kind, steps: node.path };
    }
    return undefined;
  }

  /** Whether an object stands outside of the body, or may. */
  isOutside(object: object): boolean {
    const { nodes, isModel } = this.#know(object);
    return isModel || nodes.length > 0 || this.isGiven(object) || this.#isInHanded(object);
  }

  /** Whether it stands in what a function was handed: what the function gave may hold it. */
  #isInHanded(object: object): boolean {
    if (this.#handedAll === undefined) return false;
    if (this.#inHanded === undefined || this.#inHanded.of < this.#handedAll.size) {
      const objects = new Set<object>();
      for (const handed of this.#handedAll) if (!collect(handed, objects)) break;
      this.#inHanded = { of: this.#handedAll.size, objects };
    }
    const { objects } = this.#inHanded;
    return objects.has(object) || objects.size >= MAX_COLLECTED;
  }

  isMarkedSafe(object: object): boolean {
    return this.#scope.world.isMarkedSafe(object);
  }

  /** A tag in the body says that an object is a row of a type. */
  typed(object: object, type: string): void {
    const { nodes, isModel } = this.#know(object);
    if (isModel || nodes.length === 0) return;
    this.#typed ??= new Map();
    this.#typed.set(object, type);
  }

  /** Rows are of a type where a tag said so of all of them: of others what was read is compared. */
  #settleTypes(typed: ReadonlyMap<object, string>): void {
    const others = new Set<RecordNode>();
    for (const [object, { nodes }] of this.#known) if (!typed.has(object)) for (const node of nodes) others.add(node);
    for (const [object, type] of typed) {
      for (const node of this.#know(object).nodes) {
        if (others.has(node)) continue;
        node.type ??= type;
        node.isStoodFor = true;
      }
    }
  }

  /** What the body has read; to be called when it has ended. */
  roots(): readonly ReadRoot[] {
    if (this.#lookedUp !== undefined) {
      for (const [object, nodes] of this.#lookedUp) for (const node of nodes) this.#unlookedAt(node, object);
    }
    if (this.#typed !== undefined) this.#settleTypes(this.#typed);
    for (const { kind, node } of this.#roots) {
      if (!Object.is(this.#scope[kind](node.step), node.seen)) this.cannotSee(node.step, CHANGES);
    }
    for (const [list, elements] of this.#iterated ?? NONE) {
      const isSame = list.length === elements.length && list.every((element, i) => Object.is(element, elements[i]));
      if (!isSame) this.cannotSee(this.#pathOf(list), CHANGES);
    }
    if (this.#generation !== this.#scope.world.generation) this.#lookAgain();
    else this.#checkHanded();
    return this.#roots;
  }

  /** A tag in the body named a type: what was met as data before may be a model. */
  #lookAgain(): void {
    for (const [object, { nodes, isModel }] of this.#known) {
      if (isModel || nodes.length === 0 || !this.#isModel(object)) continue;
      for (const node of nodes) {
        node.isModel = true;
        node.isStoodFor = true;
      }
    }
  }

  #checkHanded(): void {
    for (const [object, text] of this.#handed ?? NONE) {
      if (this.#textOf(object) !== text) this.cannotSee(this.#pathOf(object), CHANGES);
    }
  }

  /** What a fragment in the body was compared by, the body is compared by too. */
  repeat(shape: ReadShape, at: RepeatedAt): void {
    const budget = { left: MAX_REPEATED };
    for (const { kind, node } of shape.roots) this.#repeat(node, at.read(kind, node.step), at, budget);
  }

  #repeat(node: ReadNode, value: unknown, at: RepeatedAt, budget: { left: number }): void {
    if (!isObject(value)) return;
    if (budget.left-- <= 0) return this.cannotSee(node.step, 'a fragment in the body reads too much');
    if (node.type !== undefined) this.typed(value, node.type);
    if (node.whole) this.hand(value);
    if (node.list || node.entries || node.each !== undefined) this.iterate(value);
    for (const child of node.children) {
      const found = peek(value, child.step);
      this.member(value, child.step, found);
      if (typeof found !== 'symbol') this.#repeat(child, found, at, budget);
    }
    if (node.each !== undefined) {
      for (const element of elementsOf(value)) this.#repeat(node.each, element, at, budget);
    }
    if (node.context === undefined) return;
    for (const child of node.context.children) {
      const found = this.#scope.ofMacro(value, child.step);
      if (found === undefined) continue;
      if (!this.ofMacro(value, child.step, found.value)) at.readOfMacro(value, child.step, found.value);
      this.#repeat(child, found.value, at, budget);
    }
  }

  #note(node: RecordNode, value: unknown): void {
    if (!node.isMany) {
      if (node.seen === NOT_SEEN) node.seen = value;
      else if (!Object.is(node.seen, value)) this.cannotSee(node.path.join('.'), CHANGES);
    }
    if (!isObject(value)) return;
    const known = this.#know(value);
    if (known.nodes.length !== 1 || known.nodes[0] !== node) this.#found(known, node, value);
    if (!known.isModel) this.#use(node, value);
  }

  #found(known: Known, node: RecordNode, value: object): void {
    if (known === PLACEHOLDER) return;
    // On another path the same object is told by being the same; but not below a model, nor where except= says so.
    const isKnown = node.isBelow
      ? known.nodes.includes(node)
      : known.nodes.some((other) => other === node || !(other.isBelow || other.isExcepted));
    if (!isKnown) {
      if (known.nodes.length > MAX_NODES) return this.cannotSee(node.path.join('.'), 'it is reached by too many paths');
      const found = { ...known, nodes: known.nodes.length === 0 ? [node] : [...known.nodes, node] };
      this.#known.set(value, found);
      if (this.#lastObject === value) this.#last = found;
    }
    if (known.isModel) {
      node.isModel = true;
      node.isStoodFor = true;
    } else if (node.isBelow) {
      this.#meetUncompared(value);
    } else if (typeof value === 'function') {
      node.isStoodFor ||= isLazy(value) || this.#scope.world.macro(value) !== undefined;
      // From now on it was met, whatever else keeps this body from being stored.
      if (!node.isStoodFor) this.#scope.world.functionText(value as never);
    }
  }

  /** It was looked up: if nothing is looked up in it next, its text or its elements may be what counts. */
  #use(node: RecordNode, value: object): void {
    if (!Array.isArray(value) && (node.isBelow || !hasOwnText(value))) return;
    this.#lookedUp ??= new Map();
    const waiting = this.#lookedUp.get(value);
    if (waiting === undefined) this.#lookedUp.set(value, [node]);
    else waiting.push(node);
  }

  /** What was looked up last is what is looked into: arguments are evaluated from left to right. */
  #lookedInto(object: object): void {
    this.#lookedUp?.get(object)?.pop();
  }

  #unlooked(value: object): void {
    for (const node of this.#know(value).nodes) this.#unlookedAt(node, value);
  }

  #unlookedAt(node: RecordNode, value: object): void {
    if (Array.isArray(value)) this.#elements(node, value);
    if (!node.isBelow && hasOwnText(value)) node.whole = true;
  }

  #elements(node: RecordNode, value: object): void {
    if (Array.isArray(value)) {
      if (!node.isBelow && !this.#know(value).isModel) {
        node.list = true;
        this.#iterated ??= new Map();
        if (!this.#iterated.has(value)) this.#iterated.set(value, value.slice());
      }
      this.#register(node, value);
    } else if (isPlaceholder(value)) {
      return;
    } else if (node.isBelow || this.#know(value).isModel) {
      node.entries = true;
      this.#register(node, elementsOf(value));
    } else if (value instanceof Map || value instanceof Set) {
      node.list = true;
      // Keys are printed, or handed on: they are compared as a whole.
      if (value instanceof Map) for (const key of value.keys()) this.hand(key);
      this.#register(node, value.values());
    } else if (Symbol.iterator in value) {
      this.cannotSee(node.path.join('.'), 'going over it runs code of the page');
    } else {
      node.entries = true;
      if (!isPlain(value)) node.whole = true;
      for (const key in value) {
        const found = peek(value, key);
        if (isObject(found)) this.#register(node, [found]);
      }
    }
  }

  #register(node: RecordNode, elements: Iterable<unknown>): void {
    // How many there are counts, whatever they are.
    if (node.isBelow) node.element();
    // Ordinary rows of one list are known by one and the same.
    let row: Known | undefined;
    for (const element of elements) {
      if (!isObject(element)) continue;
      const each = node.element();
      if (!this.#known.has(element) && typeof element === 'object' && !this.#isModel(element)) {
        row ??= { nodes: [each], isModel: false, isPlaceholder: false };
        this.#known.set(element, row);
        if (each.isBelow && !isPlain(element)) this.#meetUncompared(element);
      } else {
        const known = this.#know(element);
        this.#found(known, each, element);
      }
      this.#unlookedAt(each, element);
    }
  }

  /** What is known of an object. The first time it is met, it is asked whether it is a model. */
  #know(object: object): Known {
    // Most members are read of the object that another was read of before.
    if (object === this.#lastObject) return this.#last;
    let known = this.#known.get(object);
    if (known === undefined) {
      known = isPlaceholder(object)
        ? PLACEHOLDER
        : { nodes: NOWHERE, isModel: this.#isModel(object), isPlaceholder: false };
      this.#known.set(object, known);
    }
    this.#lastObject = object;
    this.#last = known;
    return known;
  }

  #isModel(object: object): boolean {
    if (this.#scope.models.includes(object)) return true;
    const identity = this.#scope.world.identity(object);
    if (identity === undefined) return false;
    this.#met(identity);
    return true;
  }

  #hand(value: object, budget: { left: number }): void {
    if (isPlaceholder(value) || isLazy(value)) return;
    const bound = typeof value === 'function' ? this.#scope.world.boundTo(value) : undefined;
    if (isObject(bound)) this.#hand(bound, budget);
    this.#handedAll ??= new Set();
    this.#handedAll.add(value);
    const { nodes, isModel } = this.#know(value);
    if (nodes.length > 0) {
      for (const node of nodes) node.whole = true;
      if (isModel || nodes.every((node) => node.isBelow)) return this.#meetAll(value, budget);
      this.#handed ??= new Map();
      if (!this.#handed.has(value)) this.#handed.set(value, this.#textOf(value));
      return this.#meetModels(value, budget);
    }
    if (budget.left-- <= 0) return this.cannotSee('', `a function is handed more than ${MAX_SCANNED} objects`);
    if (isModel) return this.#meetAll(value, budget);
    this.#meetUncompared(value);
    if (!(isPlain(value) || value instanceof Map || value instanceof Set)) return;
    for (const item of elementsOf(value)) if (isObject(item)) this.#hand(item, budget);
  }

  /** A model that nothing is compared of: its token is all that tells. */
  #meetUncompared(object: object): void {
    if (this.#uncompared.has(object)) return;
    this.#uncompared.add(object);
    if (isPlaceholder(object)) return;
    const identity = this.#scope.world.uncomparedIdentity(object);
    if (identity !== undefined) this.#met(identity);
  }

  /** Everything in what a function is handed of a model: it may look at any model there. */
  #meetAll(value: object, budget: { left: number }): void {
    if (this.#walked.has(value) || isPlaceholder(value) || typeof value === 'function') return;
    this.#walked.add(value);
    if (budget.left-- <= 0) return this.#tooMany(value);
    this.#meetUncompared(value);
    const { world } = this.#scope;
    const isLookedInto =
      isPlain(value) || value instanceof Map || value instanceof Set || world.uncomparedIdentity(value);
    if (!isLookedInto) return;
    for (const item of elementsOf(value)) if (isObject(item)) this.#meetAll(item, budget);
  }

  /** The models in what a function is handed, and all that is below them. */
  #meetModels(value: object, budget: { left: number }): void {
    if (this.#walked.has(value) || isPlaceholder(value) || typeof value === 'function') return;
    if (this.#isModel(value)) return this.#meetAll(value, budget);
    this.#walked.add(value);
    if (budget.left-- <= 0) return this.#tooMany(value);
    for (const item of elementsOf(value)) if (isObject(item)) this.#meetModels(item, budget);
  }

  #tooMany(value: object): void {
    this.cannotSee(this.#pathOf(value), `a function is handed more than ${MAX_SCANNED} objects`);
  }

  /** The text of an object that a function is handed; models in it are met. */
  #textOf(value: object): string {
    const collector = new Collector(this.#met);
    walkWhole(value, this.#scope, collector);
    return collector.text;
  }

  #pathOf(object: object): string {
    return this.#known.get(object)?.nodes[0]?.path.join('.') ?? '';
  }
}

/** All objects in one, itself too; false when there are more than can be looked at. */
function collect(value: object, objects: Set<object>): boolean {
  if (objects.has(value) || isPlaceholder(value) || typeof value === 'function') return true;
  objects.add(value);
  if (objects.size >= MAX_COLLECTED) return false;
  for (const item of elementsOf(value)) if (isObject(item) && !collect(item, objects)) return false;
  return true;
}

const NONE: readonly never[] = [];
const CHANGES = 'it changes while the body is rendered';
