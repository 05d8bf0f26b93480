import type { ReadNode } from './shape.ts';

/** A step of a path that is being recorded. */
export class RecordNode implements ReadNode {
  readonly step: string;
  readonly parent: RecordNode | undefined;
  whole = false;
  list = false;
  entries = false;
  isStoodFor = false;
  type: string | undefined;
  each: RecordNode | undefined;
  context: RecordNode | undefined;
  /** What it was when it was read first, where it is one value: not for elements. */
  seen: unknown;
  hasSeen = false;
  #children: Map<string, RecordNode> | undefined;

  constructor(step: string, parent?: RecordNode) {
    this.step = step;
    this.parent = parent;
  }

  get children(): readonly RecordNode[] {
    return this.#children === undefined ? NONE : [...this.#children.values()];
  }

  child(step: string): RecordNode {
    this.#children ??= new Map();
    let child = this.#children.get(step);
    if (child === undefined) {
      child = new RecordNode(step, this);
      this.#children.set(step, child);
    }
    return child;
  }

  /** Its path from the root; elements are `*`. */
  get path(): string[] {
    return this.parent === undefined ? [this.step] : [...this.parent.path, this.step];
  }
}

const NONE: readonly never[] = [];
