import type { Identity } from '../model/identity.ts';
import { isPlain } from '../util/plain.ts';
import { isData } from './built-in.ts';
import { HandedValues } from './handed-values.ts';
import { type Known, KnownObjects, PLACEHOLDER } from './known-objects.ts';
import { isLazy } from './lazies.ts';
import { elementsOf, hasOwnIterator, hasOwnText, isObject } from './objects.ts';
import { hasClassGetter, INHERITED_ACCESSOR, METHOD, OWN_ACCESSOR, peek } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import { NOT_SEEN, type Paths, RecordNode } from './record-node.ts';
import { SeenValues } from './seen-values.ts';
import type { ReadRoot, RootKind } from './shape.ts';
import type { Unseen } from './sinks.ts';
import { asMember, asPart, BY_COMPUTED_NAME, type TextUses } from './text-uses.ts';
import type { Scope } from './world.ts';

/** Longest member name that becomes a step of a path. */
const MAX_STEP = 200;
/** Limit of paths recorded for one object. */
const MAX_NODES = 16;

interface Root {
  readonly kind: RootKind;
  readonly node: RecordNode;
}

/**
 * Records what a body reads from outside while it runs, as paths from variables. An object is known by the paths on
 * which it was reached, so that later reads of it are found under any name. Values that the body makes need no record,
 * because they are made of what it read.
 *
 * After "verifying traces" of Mokhov, Mitchell and Peyton Jones, Build Systems à la Carte, ICFP 2018, 5.2.2.
 */
export class Recorder {
  readonly #scope: Scope;
  readonly #roots: Root[] = [];
  readonly #objects: KnownObjects;
  readonly #handed: HandedValues;
  readonly #seen = new SeenValues();
  /** The last member that was looked at before it was read. */
  #peeked: { readonly object: object; readonly step: string; readonly found: unknown } | undefined;
  readonly #textUses: TextUses;
  /** Lists and objects with a text of their own that the body got where a template uses the text. */
  #printed: Set<object> | undefined;
  /** Objects that the body made and called methods of. */
  #called: Set<object> | undefined;
  /** Rows to which a tag in the body gave a type. */
  #typed: Map<object, string> | undefined;
  /** Objects returned by getters. */
  #fromGetters: Set<object> | undefined;
  #unseen: Unseen | undefined;
  readonly #generation: number;
  readonly #except: Paths;

  /**
   * @param met called with each model that the body meets
   * @param except paths that are not compared
   * @param textUses of the templates that run in the body
   */
  constructor(scope: Scope, met: (identity: Identity) => void, except: Paths, textUses: TextUses) {
    this.#textUses = textUses;
    this.#scope = scope;
    this.#except = except;
    this.#objects = new KnownObjects(scope, met);
    this.#handed = new HandedValues(scope, met, this.#objects, (path, why) => this.cannotSee(path, why));
    this.#generation = scope.world.generation;
  }

  /** The first value that cannot be compared. If there is one, the body is not stored. */
  get unseen(): Unseen | undefined {
    return this.#unseen;
  }

  /** Names of the variables that were read. */
  get names(): readonly string[] {
    return this.#roots.map(({ node }) => node.step);
  }

  cannotSee(path: string, why: string): void {
    this.#unseen ??= { path, why };
  }

  /** Records that a variable from outside was read. */
  root(kind: RootKind, name: string, value: unknown): void {
    this.#note(this.#rootNode(kind, name), value);
    this.#use(name, value);
  }

  #rootNode(kind: RootKind, name: string): RecordNode {
    for (let i = 0; i < this.#roots.length; i++) {
      const root = this.#roots[i] as Root;
      if (root.node.step === name && root.kind === kind) return root.node;
    }
    const node = new RecordNode(name, undefined, false, false, this.#except);
    this.#roots.push({ kind, node });
    return node;
  }

  /**
   * Records that the body got a value from something of its own, which may hold an object from outside: a variable, a
   * list, a filter.
   */
  again(got: string, value: unknown): void {
    this.#use(got, value);
  }

  /** Looks at `object[key]` before it is read: a getter of a class may change its object. */
  before(object: object, key: string): void {
    const { nodes, isModel } = this.#objects.of(object);
    if (nodes.length === 0 || key.length > MAX_STEP) return;
    // Most members are the object's own, and read by no getter of a class.
    if (Object.hasOwn(object, key)) return;
    const isData = !isModel && nodes.some(isCompared);
    if (!isData && isPlain(object)) return;
    const found = peek(object, key);
    this.#peeked = { object, step: key, found };
    if (found !== INHERITED_ACCESSOR) return;
    if (isData) this.#handed.keep(object);
    else this.#handed.computed(object);
  }

  #peek(object: object, step: string): unknown {
    const peeked = this.#peeked;
    this.#peeked = undefined;
    return peeked?.object === object && peeked.step === step ? peeked.found : peek(object, step);
  }

  /** Records that `object[key]` was read and gave `value`. */
  member(object: unknown, key: unknown, value: unknown): void {
    if (!isObject(object)) return;
    const { nodes, isPlaceholder } = this.#objects.of(object);
    if (isPlaceholder) return;
    if (nodes.length === 0) {
      this.#handed.meetUncompared(object);
      if (this.#fromGetters?.has(object)) this.cannotSee(String(key), 'it is read of what a getter made');
      if (this.isGiven(object)) {
        if (hasClassGetter(object, String(key))) this.#handed.computed(object);
        this.given(value);
      }
      // An object that the body made may hold one from outside.
      return this.#useMember(String(key), value);
    }
    if (nodes.length === 1 && this.#elementBelow(nodes[0] as RecordNode, object, key, value)) return;
    if (typeof key === 'symbol') return this.#handed.hand(object);
    const step = typeof key === 'string' ? key : String(key);
    // A visitor may have chosen a long name, such as a search term, so do not put it into the shape.
    if (step.length > MAX_STEP) return this.#handed.hand(object);
    const found = this.#peek(object, step);
    const isComputed =
      typeof found === 'symbol' && (found === METHOD || found === INHERITED_ACCESSOR || found === OWN_ACCESSOR);
    const isGetter = isComputed || hasClassGetter(object, step);
    // Nunjucks wraps functions that it looks up in an object, so two different wrappers count as the same.
    const isSame =
      isComputed || Object.is(found, value) || (typeof found === 'function' && typeof value === 'function');
    if (!isSame) this.cannotSee(this.#objects.pathOf(object), 'it gives another value each time');
    for (let i = 0; i < nodes.length; i++) {
      const child = (nodes[i] as RecordNode).child(step);
      if (!isComputed) this.#note(child, found);
      if (isGetter) child.isData = false;
      if (i === 0 || !child.isBelow) this.#seen.member(object, child, found);
    }
    if (!isComputed) this.#useMember(step, found);
    // A plain value is compared as such. Only a getter's result needs more.
    if (!isComputed || found === METHOD) return;
    // The getter may read any model in the object.
    this.#handed.computed(object);
    if (isObject(value)) this.#fromGetter(nodes, value);
  }

  /**
   * Records the result of a getter. Below a model, the model's token stands for it; of any other object, nothing tells
   * what it will hold next time.
   */
  #fromGetter(nodes: readonly RecordNode[], value: object): void {
    this.given(value);
    this.#handed.meetUncompared(value);
    const isOfModel = nodes.some(({ isBelow, isModel }) => isBelow || isModel);
    if (isOfModel || this.#objects.has(value) || typeof value === 'function') return;
    this.#fromGetters ??= new Set();
    this.#fromGetters.add(value);
  }

  /**
   * Short cut for further elements of a list below a model: only their presence will be compared. Returns whether it
   * applied.
   */
  #elementBelow(node: RecordNode, object: object, key: unknown, value: unknown): boolean {
    if (!node.isBelow || !node.isMany || typeof key !== 'string') return false;
    const child = node.find(key);
    if (child === undefined || !child.isData) return false;
    // A getter may read any model in its object. One of a class was looked at before.
    if (Reflect.getOwnPropertyDescriptor(object, key)?.get !== undefined) return false;
    if (isObject(value)) this.#note(child, value);
    this.#useMember(key, value);
    return true;
  }

  /** Records that `for` loops over a value. */
  iterate(value: unknown): void {
    if (!isObject(value)) return;
    for (const node of this.#objects.of(value).nodes) this.#elements(node, value, false);
    if (!this.isGiven(value)) return;
    if (hasOwnIterator(value)) this.#handed.hand(value);
    else for (const element of elementsOf(value)) this.given(element);
  }

  /**
   * Records `for a, b in list`. Nunjucks takes the elements apart without a lookup that could be seen, so the body goes
   * over lists among them, and others count as handed on.
   */
  destructure(value: unknown): void {
    if (!Array.isArray(value)) return;
    const isGiven = this.isGiven(value);
    for (const element of value) {
      if (!Array.isArray(element)) {
        this.hand(element);
        continue;
      }
      if (isGiven) this.given(element);
      this.iterate(element);
      for (let i = 0; i < element.length; i++) this.#use(asPart(i), element[i]);
    }
  }

  /** Records the result of a function. It may or may not have been made for this page. */
  given(value: unknown): void {
    this.#handed.given(value);
  }

  isGiven(value: unknown): boolean {
    return this.#handed.isGiven(value);
  }

  /** Records that a function, filter, test or another tag receives a value. It may read all of it. */
  hand(value: unknown): void {
    this.#handed.hand(value);
  }

  /**
   * Records a call of a method. Its result depends on the object, so the object counts as handed on. One that the body
   * made, such as a list of authors that it joins, may get more until the body ends.
   */
  call(object: unknown, method: unknown): void {
    if (!isObject(object) || isLazy(method) || this.#scope.world.macro(method) !== undefined) return;
    if (this.#called?.has(object)) return;
    this.#handed.hand(object);
    if (this.isFromOutside(object)) return;
    this.#called ??= new Set();
    this.#called.add(object);
  }

  /**
   * Records a variable of the template in which a macro is defined. Returns whether the macro itself was found on a
   * path.
   */
  ofMacro(macro: object, name: string, value: unknown): boolean {
    const { nodes } = this.#objects.of(macro);
    for (const node of nodes) {
      node.context ??= new RecordNode('()', node, node.isMany, false, []);
      this.#note(node.context.child(name), value);
    }
    if (nodes.length > 0) this.#use(name, value);
    return nodes.length > 0;
  }

  /**
   * Returns the path by which an object outside of the body can be found again; undefined if there is none, or if it is
   * an element of a list.
   */
  pathTo(object: object): { readonly kind: RootKind; readonly steps: readonly string[] } | undefined {
    for (const node of this.#objects.of(object).nodes) {
      if (node.isMany || node.path.includes('()')) continue;
      let root = node;
      while (root.parent !== undefined) root = root.parent;
      const kind = this.#roots.find((one) => one.node === root)?.kind;
      if (kind !== undefined) return { kind, steps: node.path };
    }
    return undefined;
  }

  /** Whether an object was read from outside of the body, or returned by a function. */
  isFromOutside(object: object): boolean {
    const { nodes, isModel } = this.#objects.of(object);
    return isModel || nodes.length > 0 || this.isGiven(object);
  }

  /** Whether an object is, or may be, from outside of the body. */
  isOutside(object: object): boolean {
    return this.isFromOutside(object) || this.#handed.isInHanded(object);
  }

  isMarkedSafe(object: object): boolean {
    return this.#scope.world.isMarkedSafe(object);
  }

  /** Records that a tag in the body gave an object a type. */
  typed(object: object, type: string): void {
    const { nodes, isModel } = this.#objects.of(object);
    if (isModel || nodes.length === 0) return;
    this.#typed ??= new Map();
    this.#typed.set(object, type);
  }

  /**
   * Applies a type to a path only if a tag gave it to all rows there. Otherwise the fields that were read are compared.
   */
  #settleTypes(typed: ReadonlyMap<object, string>): void {
    const others = new Set<RecordNode>();
    for (const [object, { nodes }] of this.#objects) if (!typed.has(object)) for (const node of nodes) others.add(node);
    for (const [object, type] of typed) {
      for (const node of this.#objects.of(object).nodes) {
        if (others.has(node)) continue;
        node.type ??= type;
        node.isStoodFor = true;
      }
    }
  }

  /** Returns what the body has read. Call it once, when the body has ended. */
  roots(): readonly ReadRoot[] {
    for (const object of this.#called ?? NONE) this.#handed.hand(object);
    for (const object of this.#printed ?? NONE) this.#print(object);
    if (this.#typed !== undefined) this.#settleTypes(this.#typed);
    for (const { kind, node } of this.#roots) {
      if (!Object.is(this.#scope[kind](node.step), node.seen)) this.cannotSee(node.step, CHANGES);
    }
    const changed = this.#seen.changed(this.#objects);
    if (changed !== undefined) this.cannotSee(changed, CHANGES);
    if (this.#generation !== this.#scope.world.generation) this.#lookAgain();
    else this.#checkHanded();
    this.#scope.contents = (object) => this.#handed.contentsBefore(object);
    return this.#roots;
  }

  /** A tag in the body named a type, so look again at objects met as data before: they may be models. */
  #lookAgain(): void {
    for (const [object, { nodes, isModel }] of this.#objects) {
      if (isModel || nodes.length === 0 || !this.#objects.isModel(object)) continue;
      for (const node of nodes) {
        node.isModel = true;
        node.isStoodFor = true;
      }
    }
  }

  #checkHanded(): void {
    const changed = this.#handed.changedBelow();
    if (changed !== undefined) this.cannotSee('', `a model changes while the body is rendered: ${changed}`);
    for (const object of this.#handed.changed()) {
      // The text of what was only looked into is not compared.
      if (isData(object) || this.#objects.of(object).nodes.some(isWhole)) {
        this.cannotSee(this.#objects.pathOf(object), CHANGES);
      }
    }
  }

  #note(node: RecordNode, value: unknown): void {
    if (!node.isMany) {
      if (node.seen === NOT_SEEN) node.seen = value;
      else if (!Object.is(node.seen, value)) this.cannotSee(node.path.join('.'), CHANGES);
    }
    if (!isObject(value)) return;
    const known = this.#objects.of(value);
    if (known.nodes.length !== 1 || known.nodes[0] !== node) this.#found(known, node, value);
  }

  #found(known: Known, node: RecordNode, value: object): void {
    if (known === PLACEHOLDER) return;
    // If the object is known on another path, comparing identity there is enough; but not below a model, nor where
    // `except=` excludes the path.
    const isKnown = node.isBelow
      ? known.nodes.includes(node)
      : known.nodes.some((other) => other === node || !(other.isBelow || other.isExcepted));
    if (!isKnown) {
      if (known.nodes.length > MAX_NODES) return this.cannotSee(node.path.join('.'), 'it is reached by too many paths');
      const found = { ...known, nodes: known.nodes.length === 0 ? [node] : [...known.nodes, node] };
      this.#objects.set(value, found);
    }
    if (known.isModel) {
      node.isModel = true;
      node.isStoodFor = true;
    } else if (node.isBelow) {
      this.#handed.meetUncompared(value);
    } else if (typeof value === 'function') {
      node.isStoodFor ||= isLazy(value) || this.#scope.world.macro(value) !== undefined;
      // Register the function as met, even if something else keeps this body from being stored; later pages may trust
      // it.
      if (!node.isStoodFor) this.#scope.world.functionText(value as never);
    }
  }

  /** Records that the body got a value. Its text or elements count if the text of what is got so is used. */
  #use(got: string, value: unknown): void {
    if (isObject(value) && this.#textUses.has(got)) this.#useText(value);
  }

  #useMember(step: string, value: unknown): void {
    if (!isObject(value)) return;
    if (this.#textUses.has(asMember(step)) || this.#textUses.has(BY_COMPUTED_NAME)) this.#useText(value);
  }

  #useText(value: object): void {
    if (isPlaceholder(value)) return;
    if (!Array.isArray(value) && !hasOwnText(value)) return;
    const known = this.#objects.find(value);
    this.#handed.printed(value);
    if (known?.nodes.some(isCompared)) {
      if (Array.isArray(value)) this.#seen.content(value);
      else if (!known.isModel && !(value instanceof String)) this.#handed.keep(value);
    }
    this.#printed ??= new Set();
    this.#printed.add(value);
  }

  /** Records that an object was printed, or compared with a text: its text or elements count. */
  #print(value: object): void {
    const nodes = this.#objects.find(value)?.nodes ?? NONE;
    for (const node of nodes) this.#printedAt(node, value);
    // A list that the body made may hold objects from outside. What is added here is printed in turn.
    if (nodes.length > 0 || !Array.isArray(value)) return;
    for (const element of value) if (isObject(element)) this.#printed?.add(element);
  }

  #printedAt(node: RecordNode, value: object): void {
    if (Array.isArray(value)) this.#elements(node, value, true);
    // The token of the model above stands for a date.
    if (hasOwnText(value) && !(node.isBelow && isData(value))) node.whole = true;
  }

  /** @param arePrinted whether the text of the elements counts */
  #elements(node: RecordNode, value: object, arePrinted: boolean): void {
    if (Array.isArray(value)) {
      if (!node.isBelow && !this.#objects.of(value).isModel) {
        node.list = true;
        this.#seen.content(value);
      }
      this.#register(node, value, arePrinted);
    } else if (isPlaceholder(value)) {
      return;
    } else if (node.isBelow || this.#objects.of(value).isModel) {
      node.entries = true;
      if (hasOwnIterator(value)) this.#goneOver(node, value);
      this.#register(node, elementsOf(value), arePrinted);
    } else if (value instanceof Map || value instanceof Set) {
      node.list = true;
      this.#seen.content(value);
      // Keys are printed or handed on, so they are compared whole.
      if (value instanceof Map) for (const key of value.keys()) this.hand(key);
      this.#register(node, value.values(), arePrinted);
    } else if (Symbol.iterator in value) {
      this.cannotSee(node.path.join('.'), 'going over it runs code of the page');
    } else {
      node.entries = true;
      this.#seen.content(value);
      // `for` counts to a length, and its names do not show all that is read then.
      if (!isPlain(value) || 'length' in value) node.whole = true;
      for (const key in value) {
        const found = peek(value, key);
        if (isObject(found)) this.#register(node, [found], arePrinted);
      }
    }
  }

  /** Records that code of a class goes over its instance, as a method does. */
  #goneOver(node: RecordNode, value: object): void {
    if ('next' in value) this.cannotSee(node.path.join('.'), 'going over it uses it up');
    this.#handed.hand(value);
  }

  #register(node: RecordNode, elements: Iterable<unknown>, arePrinted: boolean): void {
    // The number of elements counts, whatever they are.
    if (node.isBelow) node.element();
    // Ordinary rows of one list share one `Known`.
    let row: Known | undefined;
    for (const element of elements) {
      if (!isObject(element)) continue;
      const each = node.element();
      if (!this.#objects.has(element) && typeof element === 'object' && !this.#objects.isModel(element)) {
        row ??= { nodes: [each], isModel: false, isPlaceholder: false };
        this.#objects.set(element, row);
        if (each.isBelow && !isPlain(element)) this.#handed.meetUncompared(element);
      } else {
        this.#found(this.#objects.of(element), each, element);
      }
      if (arePrinted) this.#printedAt(each, element);
    }
  }
}

/** Whether the content of what is at a step is compared, and not only whether it is there. */
function isCompared({ isBelow }: RecordNode): boolean {
  return !isBelow;
}

/** Whether all of the data at a step is compared: it was handed on or printed, or a getter computes from it. */
function isWhole({ whole, children }: RecordNode): boolean {
  return whole || children.some(({ isData }) => !isData);
}

const NONE: readonly never[] = [];
const CHANGES = 'it changes while the body is rendered';
