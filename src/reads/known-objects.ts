import type { Identity } from '../model/identity.ts';
import { isPlaceholder } from './placeholder.ts';
import type { RecordNode } from './record-node.ts';
import type { Scope } from './world.ts';

/** Facts about an object that the body met. */
export interface Known {
  /** Paths on which it was found; none for an object that the body made, or that was loaded for it. */
  readonly nodes: readonly RecordNode[];
  /** Whether it is a model, of the tag or another. */
  readonly isModel: boolean;
  /** Whether it stands for a value still being loaded. If so, the page runs again after this pass. */
  readonly isPlaceholder: boolean;
}

const NOWHERE: readonly RecordNode[] = [];
export const PLACEHOLDER: Known = { nodes: NOWHERE, isModel: false, isPlaceholder: true };

/** The objects that a body met, each with the paths on which it was found. */
export class KnownObjects {
  readonly #scope: Scope;
  readonly #met: (identity: Identity) => void;
  readonly #known = new Map<object, Known>();
  /** Objects already asked for their identity although they are not compared. */
  #uncompared: Set<object> | undefined;
  #lastObject: object | undefined;
  #last: Known = PLACEHOLDER;

  /** @param met called with each model that is met */
  constructor(scope: Scope, met: (identity: Identity) => void) {
    this.#scope = scope;
    this.#met = met;
  }

  [Symbol.iterator](): Iterator<readonly [object, Known]> {
    return this.#known[Symbol.iterator]();
  }

  /** Returns the facts about an object; undefined if the body has not met it. */
  find(object: object): Known | undefined {
    return this.#known.get(object);
  }

  has(object: object): boolean {
    return this.#known.has(object);
  }

  set(object: object, known: Known): void {
    this.#known.set(object, known);
    if (this.#lastObject === object) this.#last = known;
  }

  /** Returns the facts about an object. The first time, finds out whether it is a model. */
  of(object: object): Known {
    // Most members are read from the same object as the member before.
    if (object === this.#lastObject) return this.#last;
    let known = this.#known.get(object);
    if (known === undefined) {
      known = isPlaceholder(object)
        ? PLACEHOLDER
        : { nodes: NOWHERE, isModel: this.isModel(object), isPlaceholder: false };
      this.#known.set(object, known);
    }
    this.#lastObject = object;
    this.#last = known;
    return known;
  }

  /**
   * Whether an object is a model. One that the tag does not name is reported as met, so call this once for each object.
   */
  isModel(object: object): boolean {
    if (this.#scope.models.includes(object)) return true;
    const identity = this.#scope.world.identity(object);
    if (identity === undefined) return false;
    this.#met(identity);
    return true;
  }

  /** Adds a dependency on a model whose content is not compared, because only its token can tell that it changed. */
  meetUncompared(object: object): void {
    this.#uncompared ??= new Set();
    if (this.#uncompared.has(object)) return;
    this.#uncompared.add(object);
    if (isPlaceholder(object)) return;
    const identity = this.#scope.world.uncomparedIdentity(object);
    if (identity !== undefined) this.#met(identity);
  }

  pathOf(object: object): string {
    return this.#known.get(object)?.nodes[0]?.path.join('.') ?? '';
  }
}
