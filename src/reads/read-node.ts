/**
 * Where a path begins. `scope`: a name as seen at the tag. `variable`: a JavaScript variable of the compiled template
 * (a loop variable, a macro's parameter). `context`: a name as macros see it, past all frames. `global`: a global of
 * the environment. `helper`: a filter (`|name`) or test (`?name`) of the environment.
 */
export type RootKind = 'scope' | 'variable' | 'context' | 'global' | 'helper';

/** How a value is compared, apart from the members below it. */
export interface Comparison {
  /** All of its own data, because a function, filter or method received it. */
  readonly whole: boolean;
  /** Its elements: their number, their kinds, and the values of those that are not objects. */
  readonly list: boolean;
  /** Its names and values, in the order of `for k, v`. */
  readonly entries: boolean;
  /**
   * It was a model, a lazy or a macro. A token or digest stands for its content, so reports leave out what is below it.
   */
  readonly isStoodFor: boolean;
  /** It was an ordinary property, so that below a model it can be read without looking for a getter. */
  readonly isData: boolean;
  /** Nothing below it was read, and it is not compared as a whole. */
  readonly isEnd: boolean;
  /** Type that a tag gave to the rows here. */
  readonly type: string | undefined;
}

/** One step of a path, with all that was read below it. */
export interface ReadNode extends Comparison {
  readonly step: string;
  readonly children: readonly ReadNode[];
  /** Paths that were read below each element of a list. */
  readonly each: ReadNode | undefined;
  /** Variables that were read of the template in which a macro is defined. */
  readonly context: ReadNode | undefined;
}

export interface ReadRoot {
  readonly kind: RootKind;
  readonly node: ReadNode;
}

/** A step of which no more is read than what is there. */
export const BARE: ReadNode = {
  step: '',
  whole: false,
  list: false,
  entries: false,
  isStoodFor: false,
  isData: true,
  isEnd: true,
  type: undefined,
  children: [],
  each: undefined,
  context: undefined,
};

/** A step of which all is read. */
export const WHOLE: ReadNode = { ...BARE, whole: true, isEnd: false };
