import type { Identity } from '../model/identity.ts';
import { type Known, KnownObjects, PLACEHOLDER } from './known-objects.ts';
import { isLazy } from './lazies.ts';
import { isObject } from './objects.ts';
import type { ReadRoot, RootKind } from './read-node.ts';
import { NOT_SEEN, type Paths, RecordNode } from './record-node.ts';
import type { Unseen } from './sinks.ts';
import type { Scope } from './world.ts';

/** Limit of paths recorded for one object. */
const MAX_NODES = 16;

/** Why a value is not compared that is not always the same. */
export const CHANGES = 'it changes while the body is rendered';

interface Root extends ReadRoot {
  readonly node: RecordNode;
}

/** The paths that a body has read, and the objects that were found on them. */
export class RecordedPaths {
  /** The variables with which the paths begin. */
  readonly roots: Root[] = [];
  readonly objects: KnownObjects;
  readonly #scope: Scope;
  readonly #except: Paths;
  /** Rows to which a tag in the body gave a type. */
  #typed: Map<object, string> | undefined;
  #unseen: Unseen | undefined;
  readonly #generation: number;

  /**
   * @param met called with each model that the body meets
   * @param except paths that are not compared
   */
  constructor(scope: Scope, met: (identity: Identity) => void, except: Paths) {
    this.#scope = scope;
    this.#except = except;
    this.objects = new KnownObjects(scope, met);
    this.#generation = scope.world.generation;
  }

  /** The first value that cannot be compared. If there is one, the body is not stored. */
  get unseen(): Unseen | undefined {
    return this.#unseen;
  }

  cannotSee(path: string, why: string): void {
    this.#unseen ??= { path, why };
  }

  /** Returns the first step of the paths that begin with a variable. */
  root(kind: RootKind, name: string): RecordNode {
    for (let i = 0; i < this.roots.length; i++) {
      const root = this.roots[i] as Root;
      if (root.node.step === name && root.kind === kind) return root.node;
    }
    const node = new RecordNode(name, undefined, false, false, this.#except);
    this.roots.push({ kind, node });
    return node;
  }

  /** Records the value that was found at a step. */
  note(node: RecordNode, value: unknown): void {
    if (!node.isMany) {
      if (node.seen === NOT_SEEN) node.seen = value;
      else if (!Object.is(node.seen, value)) this.cannotSee(node.path.join('.'), CHANGES);
    }
    if (!isObject(value)) return;
    const known = this.objects.of(value);
    if (known.nodes.length !== 1 || known.nodes[0] !== node) this.found(known, node, value);
  }

  /** Records that an object was found at a step. */
  found(known: Known, node: RecordNode, value: object): void {
    if (known === PLACEHOLDER) return;
    // If the object is known on another path, comparing identity there is enough; but not below a model, nor where
    // `except=` excludes the path.
    const isKnown = node.isBelow
      ? known.nodes.includes(node)
      : known.nodes.some((other) => other === node || !(other.isBelow || other.isExcepted));
    if (!isKnown) {
      if (known.nodes.length > MAX_NODES) return this.cannotSee(node.path.join('.'), 'it is reached by too many paths');
      const found = { ...known, nodes: known.nodes.length === 0 ? [node] : [...known.nodes, node] };
      this.objects.set(value, found);
    }
    if (known.isModel) {
      node.isModel = true;
      node.isStoodFor = true;
    } else if (node.isBelow) {
      this.objects.meetUncompared(value);
    } else if (typeof value === 'function') {
      node.isStoodFor ||= isLazy(value) || this.#scope.world.macro(value) !== undefined;
      // Register the function as met, even if something else keeps this body from being stored; later pages may trust
      // it.
      if (!node.isStoodFor) this.#scope.world.functionText(value as never);
    }
  }

  /**
   * Returns the path by which an object outside of the body can be found again; undefined if there is none, or if it is
   * an element of a list.
   */
  pathTo(object: object): { readonly kind: RootKind; readonly steps: readonly string[] } | undefined {
    for (const node of this.objects.of(object).nodes) {
      if (node.isMany || node.path.includes('()')) continue;
      let root = node;
      while (root.parent !== undefined) root = root.parent;
      const kind = this.roots.find((one) => one.node === root)?.kind;
      if (kind !== undefined) return { kind, steps: node.path };
    }
    return undefined;
  }

  /** Records that a tag in the body gave an object a type. */
  typed(object: object, type: string): void {
    const { nodes, isModel } = this.objects.of(object);
    if (isModel || nodes.length === 0) return;
    this.#typed ??= new Map();
    this.#typed.set(object, type);
  }

  /**
   * Applies a type to a path only if a tag gave it to all rows there. Otherwise the fields that were read are compared.
   */
  settleTypes(): void {
    const typed = this.#typed;
    if (typed === undefined) return;
    const others = new Set<RecordNode>();
    for (const [object, { nodes }] of this.objects) if (!typed.has(object)) for (const node of nodes) others.add(node);
    for (const [object, type] of typed) {
      for (const node of this.objects.of(object).nodes) {
        if (others.has(node)) continue;
        node.type ??= type;
        node.isStoodFor = true;
      }
    }
  }

  /** A variable must still have the value that was read first. */
  checkRoots(): void {
    for (const { kind, node } of this.roots) {
      if (!Object.is(this.#scope[kind](node.step), node.seen)) this.cannotSee(node.step, CHANGES);
    }
  }

  /**
   * Looks again at objects met as data before, if a tag in the body named a type: they may be models. Returns whether one
   * did.
   */
  lookAgain(): boolean {
    if (this.#generation === this.#scope.world.generation) return false;
    for (const [object, { nodes, isModel }] of this.objects) {
      if (isModel || nodes.length === 0 || !this.objects.isModel(object)) continue;
      for (const node of nodes) {
        node.isModel = true;
        node.isStoodFor = true;
      }
    }
    return true;
  }
}
