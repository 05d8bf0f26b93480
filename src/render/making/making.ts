import type { Token } from '../../cache/token.ts';
import type { Maker } from './maker.ts';

/** Somebody who waits for a making. */
export interface Waiter<Result> {
  readonly maker: Maker;
  /** Calls back with what was made; with nothing when it must be made by the waiter. */
  end(result: Result | undefined): void;
}

/** A fragment or view that takes a while to make, from when its maker begins to wait for data. */
export interface Making<Result> {
  /** What is made: the key of all its variants, and that of this variant. */
  readonly memoryKey: string;
  readonly variant: string;
  /** Tokens of what it is made from, as far as its maker knew them when it began. */
  readonly tokens: ReadonlyMap<string, Token>;
  /** Who began it. It may take too long, and be followed by another maker. */
  readonly first: Maker;
  maker: Maker;
  /** Its place in the order in which all makings of a process began. */
  number: number;
  /** What was made; undefined until then. */
  result: Result | undefined;
  readonly waiters: Set<Waiter<Result>>;
  timer: NodeJS.Timeout;
}
