import type { ReadNode } from './shape.ts';

/** The steps of paths. */
export type Paths = readonly (readonly string[])[];

/** A step of a path that is being recorded. */
export class RecordNode implements ReadNode {
  readonly step: string;
  readonly parent: RecordNode | undefined;
  /** It is, or is below, the elements of a list: it has many values. */
  readonly isMany: boolean;
  /** A model stands for it: only whether it is there is compared. */
  readonly isBelow: boolean;
  /** It, or what it is below, is not compared. */
  readonly isExcepted: boolean;
  /** Paths below it that are not, from here on. */
  readonly #except: Paths;
  /** What it was when it was read first, where it has one value. */
  seen: unknown = NOT_SEEN;
  whole = false;
  list = false;
  entries = false;
  isStoodFor = false;
  /** It was a model each time. */
  isModel = false;
  isData = true;
  type: string | undefined = undefined;
  each: RecordNode | undefined = undefined;
  context: RecordNode | undefined = undefined;
  /** Most have a few: a list is quicker than a map then. */
  readonly children: RecordNode[] = [];

  constructor(step: string, parent: RecordNode | undefined, isMany: boolean, isBelow: boolean, except: Paths) {
    this.step = step;
    this.parent = parent;
    this.isMany = isMany;
    this.isBelow = isBelow;
    this.#except = except.length === 0 ? except : except.flatMap(([first, ...rest]) => (first === step ? [rest] : []));
    this.isExcepted = parent?.isExcepted === true || this.#except.some((rest) => rest.length === 0);
  }

  get isEnd(): boolean {
    return (
      !this.whole &&
      !this.entries &&
      this.children.length === 0 &&
      this.each === undefined &&
      this.context === undefined
    );
  }

  find(step: string): RecordNode | undefined {
    const { children } = this;
    for (let i = 0; i < children.length; i++) {
      const child = children[i] as RecordNode;
      if (child.step === step) return child;
    }
    return undefined;
  }

  child(step: string): RecordNode {
    const found = this.find(step);
    if (found !== undefined) return found;
    const child = new RecordNode(step, this, this.isMany, this.isBelow || this.isModel, this.#except);
    this.children.push(child);
    return child;
  }

  element(): RecordNode {
    this.each ??= new RecordNode('*', this, true, this.isBelow || this.isModel, this.#except);
    return this.each;
  }

  /** Its path from the root; elements are `*`. */
  get path(): string[] {
    return this.parent === undefined ? [this.step] : [...this.parent.path, this.step];
  }
}

/** Stands for no value at all, which `undefined` is one of. */
export const NOT_SEEN: unique symbol = Symbol('not seen');
