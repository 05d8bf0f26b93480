import type { Identity } from '../model/identity.ts';
import { isPlain } from '../util/plain.ts';
import { isData } from './built-in.ts';
import { ContentReads } from './content-reads.ts';
import { HandedValues } from './handed-values.ts';
import type { KnownObjects } from './known-objects.ts';
import { isLazy } from './lazies.ts';
import { isObject } from './objects.ts';
import { hasClassGetter, INHERITED_ACCESSOR, METHOD, OWN_ACCESSOR, peek } from './peek.ts';
import type { ReadRoot, RootKind } from './read-node.ts';
import { isCompared, isWhole, type Paths, RecordNode } from './record-node.ts';
import { CHANGES, RecordedPaths } from './recorded-paths.ts';
import { SeenValues } from './seen-values.ts';
import type { Unseen } from './sinks.ts';
import type { TextUses } from './text-uses.ts';
import type { Scope } from './world.ts';

/** Longest member name that becomes a step of a path. */
const MAX_STEP = 200;

/**
 * Records what a body reads from outside while it runs, as paths from variables. An object is known by the paths on
 * which it was reached, so that later reads of it are found under any name. Values that the body makes need no record,
 * because they are made of what it read.
 *
 * After "verifying traces" of Mokhov, Mitchell and Peyton Jones, Build Systems à la Carte, ICFP 2018, 5.2.2.
 */
export class Recorder {
  readonly #scope: Scope;
  readonly #paths: RecordedPaths;
  readonly #contents: ContentReads;
  readonly #objects: KnownObjects;
  readonly #handed: HandedValues;
  readonly #seen = new SeenValues();
  /** The last member that was looked at before it was read. */
  #peeked: { readonly object: object; readonly step: string; readonly found: unknown } | undefined;
  /** Objects that the body made and called methods of. */
  #called: Set<object> | undefined;
  /** Objects returned by getters. */
  #fromGetters: Set<object> | undefined;

  /**
   * @param met called with each model that the body meets
   * @param except paths that are not compared
   * @param textUses of the templates that run in the body
   */
  constructor(scope: Scope, met: (identity: Identity) => void, except: Paths, textUses: TextUses) {
    this.#scope = scope;
    this.#paths = new RecordedPaths(scope, met, except);
    this.#objects = this.#paths.objects;
    this.#handed = new HandedValues(scope, met, this.#paths);
    this.#contents = new ContentReads(this.#paths, this.#handed, this.#seen, textUses);
  }

  /** The first value that cannot be compared. If there is one, the body is not stored. */
  get unseen(): Unseen | undefined {
    return this.#paths.unseen;
  }

  /** Names of the variables that were read. */
  get names(): readonly string[] {
    return this.#paths.roots.map(({ node }) => node.step);
  }

  cannotSee(path: string, why: string): void {
    this.#paths.cannotSee(path, why);
  }

  /** Records that a variable from outside was read. */
  root(kind: RootKind, name: string, value: unknown): void {
    this.#paths.note(this.#paths.root(kind, name), value);
    this.#contents.use(name, value);
  }

  /**
   * Records that the body got a value from something of its own, which may hold an object from outside: a variable, a
   * list, a filter.
   */
  again(got: string, value: unknown): void {
    this.#contents.use(got, value);
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
      this.#objects.meetUncompared(object);
      if (this.#fromGetters?.has(object)) this.cannotSee(String(key), 'it is read of what a getter made');
      if (this.isGiven(object)) {
        if (hasClassGetter(object, String(key))) this.#handed.computed(object);
        this.given(value);
      }
      // An object that the body made may hold one from outside.
      return this.#contents.useMember(String(key), value);
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
      if (!isComputed) this.#paths.note(child, found);
      if (isGetter) child.isData = false;
      if (i === 0 || !child.isBelow) this.#seen.member(object, child, found);
    }
    if (!isComputed) this.#contents.useMember(step, found);
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
    this.#objects.meetUncompared(value);
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
    if (isObject(value)) this.#paths.note(child, value);
    this.#contents.useMember(key, value);
    return true;
  }

  /** Records that `for` loops over a value. */
  iterate(value: unknown): void {
    this.#contents.iterate(value);
  }

  /** Records `for a, b in list`. */
  destructure(value: unknown): void {
    this.#contents.destructure(value);
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
      this.#paths.note(node.context.child(name), value);
    }
    if (nodes.length > 0) this.#contents.use(name, value);
    return nodes.length > 0;
  }

  /** Records that a tag in the body gave an object a type. */
  typed(object: object, type: string): void {
    this.#paths.typed(object, type);
  }

  /** Returns the path by which an object outside of the body can be found again; undefined if there is none. */
  pathTo(object: object): ReturnType<RecordedPaths['pathTo']> {
    return this.#paths.pathTo(object);
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

  /** Returns what the body has read. Call it once, when the body has ended. */
  roots(): readonly ReadRoot[] {
    for (const object of this.#called ?? NONE) this.#handed.hand(object);
    this.#contents.settle();
    this.#paths.settleTypes();
    this.#paths.checkRoots();
    const changed = this.#seen.changed(this.#objects);
    if (changed !== undefined) this.cannotSee(changed, CHANGES);
    if (!this.#paths.lookAgain()) this.#checkHanded();
    const contents = (object: object) => this.#handed.contentsBefore(object);
    this.#scope.contents = contents;
    return this.#paths.roots;
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
}

const NONE: readonly never[] = [];
