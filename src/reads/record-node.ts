import type { ReadNode } from './read-node.ts';

/** Paths, each a list of steps. */
export type Paths = readonly (readonly string[])[];

/** A step of a path that is being recorded. */
export class RecordNode implements ReadNode {
  readonly step: string;
  readonly parent: RecordNode | undefined;
  /** Whether it is the elements of a list, or below them, and so has many values. */
  readonly isMany: boolean;
  /** Whether it is below a model; then only its presence is compared. */
  readonly isBelow: boolean;
  /** Whether it, or a step above it, is named by `except=` and so not compared. */
  readonly isExcepted: boolean;
  /** Rests of the `except=` paths that go through this step. */
  readonly #except: Paths;
  /** Value at the first read. A step with one value must keep it while the body runs. */
  seen: unknown = NOT_SEEN;
  whole = false;
  list = false;
  entries = false;
  isStoodFor = false;
  /** Whether its value was a model. */
  isModel = false;
  isData = true;
  type: string | undefined = undefined;
  each: RecordNode | undefined = undefined;
  context: RecordNode | undefined = undefined;
  /** A list, because most steps have few children and searching it is quicker than a map. */
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

  /** Path from the root; elements of lists are `*`. */
  get path(): string[] {
    return this.parent === undefined ? [this.step] : [...this.parent.path, this.step];
  }
}

/** Whether the content of what is at a step is compared, and not only whether it is there. */
export function isCompared({ isBelow }: RecordNode): boolean {
  return !isBelow;
}

/** Whether all of the data at a step is compared: it was handed on or printed, or a getter computes from it. */
export function isWhole({ whole, children }: RecordNode): boolean {
  return whole || children.some(({ isData }) => !isData);
}

/** Marks a step without a value so far. `undefined` will not do, because it is a value. */
export const NOT_SEEN: unique symbol = Symbol('not seen');
