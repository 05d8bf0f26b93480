import type { Identity } from '../fragment/identity.ts';
import { isPlain } from '../fragment/plain.ts';
import { isLazy } from './lazies.ts';
import { INHERITED_ACCESSOR, METHOD, OWN_ACCESSOR, peek } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import { RecordNode } from './record-node.ts';
import type { ReadNode, ReadRoot, ReadShape, RootKind } from './shape.ts';
import { Collector, type Unseen } from './sinks.ts';
import { walkWhole } from './walk.ts';
import type { Scope } from './world.ts';

/** Objects looked at in one container that a function is handed. */
const MAX_SCANNED = 1_000;

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
  readonly #roots = new Map<string, { readonly kind: RootKind; readonly node: RecordNode }>();
  /** Where each object was found; an empty list for what the body made, or what was loaded for it. */
  readonly #known = new Map<object, RecordNode[]>();
  /** The text of what was handed to functions, as it was then. */
  readonly #handed = new Map<object, string>();
  readonly #iterated = new Map<readonly unknown[], readonly unknown[]>();
  /** Lists, and objects with a text of their own, that were looked up and not looked into. */
  readonly #lookedUp = new Map<object, RecordNode[]>();
  #unseen: Unseen | undefined;

  /** @param met told of each model that is met */
  constructor(scope: Scope, met: (identity: Identity) => void) {
    this.#scope = scope;
    this.#met = met;
  }

  /** The first thing that cannot be compared. */
  get unseen(): Unseen | undefined {
    return this.#unseen;
  }

  /** The variables that were read. */
  get names(): readonly string[] {
    return [...this.#roots.values()].map(({ node }) => node.step);
  }

  cannotSee(path: string, why: string): void {
    this.#unseen ??= { path, why };
  }

  /** A variable that stands outside was read. */
  root(kind: RootKind, name: string, value: unknown): void {
    const key = `${kind} ${name}`;
    let root = this.#roots.get(key);
    if (root === undefined) {
      root = { kind, node: new RecordNode(name) };
      this.#roots.set(key, root);
    }
    this.#note(root.node, value);
  }

  /** A value that is not looked up when it is used: a JavaScript variable of the compiled template. */
  variable(name: string, value: unknown): void {
    this.root('variable', name, value);
    if (isObject(value)) this.#unlooked(value);
  }

  /** A variable of the body's own was read: it may hold what stands outside. */
  again(value: unknown): void {
    if (isObject(value)) for (const node of this.#nodes(value)) this.#use(node, value);
  }

  /** `object[key]` was read, and was `value`. */
  member(object: unknown, key: unknown, value: unknown): void {
    if (!isObject(object) || typeof key === 'symbol' || isPlaceholder(object)) return;
    const nodes = this.#nodes(object);
    if (nodes.length === 0) {
      // An object of the body's own may hold one from outside.
      return this.again(value);
    }
    this.#lookedInto(object);
    const step = String(key);
    const found = this.#peek(nodes, object, step);
    const isComputed = found === METHOD || found === INHERITED_ACCESSOR || found === OWN_ACCESSOR;
    // Nunjucks wraps functions that it looks up in an object.
    const isFunction = typeof found === 'function' && typeof value === 'function';
    if (!isComputed && !isFunction && !Object.is(found, value)) this.cannotSee(this.#pathOf(object), 'it gives another value each time');
    for (const node of nodes) {
      const child = node.child(step);
      if (!isComputed) this.#note(child, found);
    }
    // What a getter gives was not there before.
    if (isComputed && isObject(value)) this.#nodes(value);
  }

  #peek(nodes: readonly RecordNode[], object: object, step: string): unknown {
    try {
      return peek(object, step);
    } catch {
      this.cannotSee(nodes[0]?.path.join('.') ?? '', 'looking at it throws');
      return undefined;
    }
  }

  /** `for` goes over it. */
  iterate(value: unknown): void {
    if (!isObject(value)) return;
    this.#lookedInto(value);
    for (const node of this.#nodes(value)) this.#elements(node, value);
  }

  /** `for a, b in` takes the elements of a list apart, where nobody sees it. */
  destructure(value: unknown): void {
    if (!Array.isArray(value)) return;
    for (const element of value) if (isObject(element) && !Array.isArray(element)) this.hand(element);
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
    if (this.#nodes(object).length > 0) this.#hand(object, { left: MAX_SCANNED });
  }

  /** A variable of the template that a macro stands in was read. */
  ofMacro(macro: object, name: string, value: unknown): boolean {
    const nodes = this.#nodes(macro);
    for (const node of nodes) {
      node.context ??= new RecordNode('()', node);
      this.#note(node.context.child(name), value);
    }
    return nodes.length > 0;
  }

  /** Whether an object stands outside of the body. */
  isOutside(object: object): boolean {
    return this.#nodes(object).length > 0 || this.#isModel(object);
  }

  /** A tag in the body says that an object is a row of a type. */
  typed(object: object, type: string): void {
    if (this.#scope.world.identity(object) !== undefined) return;
    for (const node of this.#nodes(object)) {
      node.type ??= type;
      node.isStoodFor = true;
    }
  }

  /** What the body has read so far; to be called when it has ended. */
  roots(): readonly ReadRoot[] {
    for (const [object, nodes] of this.#lookedUp) for (const node of nodes) this.#unlookedAt(node, object);
    const roots = [...this.#roots.values()];
    for (const { kind, node } of roots) {
      if (!Object.is(this.#scope[kind](node.step), node.seen)) this.cannotSee(node.step, CHANGES);
    }
    for (const [list, elements] of this.#iterated) {
      const isSame = list.length === elements.length && list.every((element, i) => Object.is(element, elements[i]));
      if (!isSame) this.cannotSee(this.#pathOf(list), CHANGES);
    }
    for (const [object, text] of this.#handed) {
      if (this.#textOf(object) !== text) this.cannotSee(this.#pathOf(object), CHANGES);
    }
    return roots;
  }

  /** What a fragment in the body was compared by, the body is compared by too. */
  repeat(shape: ReadShape, at: { read(kind: RootKind, name: string): unknown }): void {
    for (const { kind, node } of shape.roots) this.#repeat(node, at.read(kind, node.step));
  }

  #repeat(node: ReadNode, value: unknown): void {
    if (!isObject(value)) return;
    if (node.type !== undefined) this.typed(value, node.type);
    if (node.whole) this.hand(value);
    if (node.list || node.entries) this.iterate(value);
    for (const child of node.children) {
      const found = peek(value, child.step);
      this.member(value, child.step, found);
      if (typeof found !== 'symbol') this.#repeat(child, found);
    }
    if (node.each !== undefined) for (const element of elementsOf(value)) this.#repeat(node.each, element);
    if (node.context === undefined) return;
    for (const child of node.context.children) {
      const found = this.#scope.ofMacro(value, child.step);
      if (found === undefined || !this.ofMacro(value, child.step, found.value)) continue;
      this.#repeat(child, found.value);
    }
  }

  #note(node: RecordNode, value: unknown): void {
    if (!node.hasSeen) {
      node.hasSeen = true;
      node.seen = value;
    } else if (!Object.is(node.seen, value) && !this.#isOfElements(node)) {
      this.cannotSee(node.path.join('.'), CHANGES);
    }
    if (!isObject(value)) return;
    const nodes = this.#nodes(value);
    if (!nodes.includes(node)) this.#known.set(value, [...nodes, node]);
    node.isStoodFor ||= this.#isStoodFor(value);
    this.#use(node, value);
  }

  #isStoodFor(value: object): boolean {
    if (typeof value === 'function') return isLazy(value) || this.#scope.world.macro(value) !== undefined;
    return this.#isModel(value);
  }

  #isOfElements(node: RecordNode): boolean {
    for (let at: RecordNode | undefined = node; at !== undefined; at = at.parent) if (at.step === EACH) return true;
    return false;
  }

  /** It was looked up: if nothing is looked up in it next, its text or its elements may be what counts. */
  #use(node: RecordNode, value: object): void {
    if (!Array.isArray(value) && !hasOwnText(value)) return;
    const waiting = this.#lookedUp.get(value);
    if (waiting === undefined) this.#lookedUp.set(value, [node]);
    else waiting.push(node);
  }

  /** What was looked up last is what is looked into: arguments are evaluated from left to right. */
  #lookedInto(object: object): void {
    this.#lookedUp.get(object)?.pop();
  }

  #unlooked(value: object): void {
    for (const node of this.#nodes(value)) this.#unlookedAt(node, value);
  }

  #unlookedAt(node: RecordNode, value: object): void {
    if (Array.isArray(value)) this.#elements(node, value);
    else if (hasOwnText(value)) node.whole = true;
  }

  #elements(node: RecordNode, value: object): void {
    if (this.#isModel(value)) {
      // Its own elements, and theirs, are below a model.
      if (Array.isArray(value)) this.#register(node, value);
      return;
    }
    if (Array.isArray(value)) {
      node.list = true;
      if (!this.#iterated.has(value)) this.#iterated.set(value, value.slice());
      this.#register(node, value);
    } else if (value instanceof Map || value instanceof Set) {
      node.list = true;
      this.#register(node, value.values());
    } else if (isPlaceholder(value)) {
      return;
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
    for (const element of elements) {
      if (!isObject(element)) continue;
      node.each ??= new RecordNode(EACH, node);
      const nodes = this.#nodes(element);
      if (nodes.includes(node.each)) continue;
      this.#known.set(element, [...nodes, node.each]);
      node.each.isStoodFor ||= this.#isStoodFor(element);
      this.#unlookedAt(node.each, element);
    }
  }

  /** Where an object was found. The first time it is looked at, it is asked whether it is a model. */
  #nodes(object: object): readonly RecordNode[] {
    const nodes = this.#known.get(object);
    if (nodes !== undefined) return nodes;
    this.#known.set(object, NONE);
    if (!isPlaceholder(object) && !this.#scope.models.includes(object)) {
      const identity = this.#scope.world.identity(object);
      if (identity !== undefined) this.#met(identity);
    }
    return NONE;
  }

  #isModel(object: object): boolean {
    return this.#scope.models.includes(object) || this.#scope.world.identity(object) !== undefined;
  }

  #hand(value: object, budget: { left: number }): void {
    if (isPlaceholder(value) || isLazy(value)) return;
    const nodes = this.#nodes(value);
    if (nodes.length > 0) {
      for (const node of nodes) node.whole = true;
      if (!this.#isModel(value) && !this.#handed.has(value)) this.#handed.set(value, this.#textOf(value));
      return;
    }
    if (budget.left-- <= 0) return this.cannotSee('', `a function is handed more than ${MAX_SCANNED} objects`);
    if (this.#isModel(value) || !(isPlain(value) || value instanceof Map || value instanceof Set)) return;
    for (const item of elementsOf(value)) if (isObject(item)) this.#hand(item, budget);
  }

  /** The text of an object that a function is handed; models in it are met. */
  #textOf(value: object): string {
    const collector = new Collector(this.#met);
    walkWhole(value, this.#scope, collector);
    return collector.text;
  }

  #pathOf(object: object): string {
    return this.#known.get(object)?.[0]?.path.join('.') ?? '';
  }
}

const NONE: RecordNode[] = [];
const EACH = '*';
const CHANGES = 'it changes while the body is rendered';

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** Whether printing or adding it runs a method of its own. */
function hasOwnText(value: object): boolean {
  if (typeof value === 'function' || value instanceof String) return false;
  return [Symbol.toPrimitive, 'toString', 'valueOf'].some((name) => {
    const found: unknown = peek(value, name);
    return found !== undefined && found !== METHOD ? true : found === METHOD && !isPlain(value) && !isBase(value, name);
  });
}

function isBase(value: object, name: string | symbol): boolean {
  return Reflect.get(value, name) === Reflect.get(Object.prototype, name);
}

function* elementsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) yield* value;
  else if (value instanceof Map) for (const pair of value) yield* pair;
  else for (const key of Reflect.ownKeys(value)) yield peek(value, key);
}
