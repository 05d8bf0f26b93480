import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { UncertainWrites } from '../invalidation/uncertain-writes.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { ResourceNames } from './resource-names.ts';
import type { HttpRules } from './rules.ts';

/** What a request has written. */
export interface Written {
  readonly method: string;
  readonly urls: readonly URL[];
  /** Names of cache groups. */
  readonly groups: readonly string[];
}

/** Invalidates what was written. */
export class Writer {
  readonly #sweeper: CacheSweeper;
  readonly #rules: HttpRules;
  readonly #strict: boolean;
  readonly #uncertain: UncertainWrites;

  constructor(sweeper: CacheSweeper, uncertain: UncertainWrites, rules: HttpRules, strict: boolean) {
    this.#sweeper = sweeper;
    this.#uncertain = uncertain;
    this.#rules = rules;
    this.#strict = strict;
  }

  /**
   * Resolves when all pages that show it are invalidated.
   *
   * @throws CacheSweeperError CACHESWEEPER_BUMP_FAILED and errors of rules, with `strict`
   */
  written(written: Written): Promise<void> {
    return this.#collected(written).commit();
  }

  /** The same for a write of which nobody knows whether it was, or still will be, carried out. */
  uncertain(written: Written): Promise<void> {
    const transaction = this.#collected(written);
    this.#uncertain.again(transaction.names);
    return transaction.commit();
  }

  #collected({ method, urls, groups }: Written): SweepTransaction {
    const into = this.#sweeper.beginTransaction({ strict: this.#strict });
    const [first] = urls;
    const by = first === undefined ? method : `${method} ${first.origin}${first.pathname}`;
    into.because(by, () => this.#collect({ method, urls, groups }, into));
    return into;
  }

  #collect({ method, urls, groups }: Written, into: SweepTransaction): void {
    for (const url of urls) {
      into.collect({ names: new ResourceNames(url).written, conditional: new Map() });
      try {
        into.invalidateCacheFor(this.#rules.of({ method, url }).models());
      } catch (error) {
        // Nobody knows which models it has changed.
        into.fail(error);
      }
    }
    into.collect({ names: new Set(groups), conditional: new Map() });
  }
}
