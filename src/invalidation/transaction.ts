import type { Uncommitted } from '../cache/uncommitted.ts';
import { CacheSweeperError } from '../errors.ts';
import { BoundedNames } from '../model/bounded-names.ts';
import type { Identifier } from '../model/identity.ts';
import { EVERYTHING } from '../model/names.ts';
import { partialRow } from '../model/partial-row.ts';
import { Ambient } from '../render/ambient.ts';
import { describe } from '../util/describe.ts';
import { type Changes, CollectedChanges, changesOf, type InvalidateOptions } from './changes.ts';
import { SweptNames } from './swept-names.ts';

/** Options of {@link CacheSweeper.transaction} and {@link CacheSweeper.beginTransaction}. */
export interface TransactionOptions {
  /**
   * What to do when the store does not acknowledge the bump of what was committed. False (the default): report it to
   * `onError`. True: reject as well. The bump is retried in the background in both cases.
   */
  readonly strict?: boolean;
}

/** Options of {@link CacheSweeper.beginTransaction}. */
export interface BeginOptions extends TransactionOptions {
  /** The transaction that this one is a savepoint of: its changes are that one's when it is committed. */
  readonly parent?: SweepTransaction | undefined;
}

/** What a transaction needs of its sweeper. */
export interface TransactionOwner {
  readonly identifier: Identifier;
  deliver(changes: Changes): Promise<void>;
  report(error: unknown): void;
}

/** The transactions of one sweeper, and which of them the running code is in. */
export class Transactions {
  readonly #owner: TransactionOwner;
  readonly #running = new Ambient<SweepTransaction>();

  constructor(owner: TransactionOwner) {
    this.#owner = owner;
  }

  /** The innermost transaction around the running code that is not over. */
  get current(): SweepTransaction | undefined {
    let at = this.#running.current;
    while (at?.isOver) at = at.parent;
    return at;
  }

  /** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
  begin(options: BeginOptions): SweepTransaction {
    checkOptions(options);
    return new SweepTransaction(this.#owner, this.#running, this.current, options);
  }

  /** Runs a function in a transaction that is committed when it resolves, and rolled back when it does not. */
  async around<T>(run: (transaction: SweepTransaction) => T | PromiseLike<T>, options: TransactionOptions): Promise<T> {
    if (typeof run !== 'function') throw badOption('a function', run);
    const transaction = this.begin({ ...options, parent: this.current });
    let result: T;
    try {
      // Awaited inside: query builders begin when they are awaited.
      result = await transaction.run(async () => await run(transaction));
    } catch (error) {
      transaction.rollback();
      throw error;
    }
    await transaction.commit();
    return result;
  }
}

function checkOptions(options: BeginOptions): void {
  if (typeof options !== 'object' || options === null) throw badOption('an object of options', options);
  const other = Object.keys(options).find((name) => name !== 'strict' && name !== 'parent');
  if (other !== undefined) throw badOption('{ strict }', other);
  const { strict, parent } = options;
  if (strict !== undefined && typeof strict !== 'boolean') throw badOption('strict: true or false', strict);
  if (parent !== undefined && !(parent instanceof SweepTransaction)) throw badOption('parent: a transaction', parent);
}

function badOption(expected: string, got: unknown): CacheSweeperError {
  return new CacheSweeperError('CACHESWEEPER_BAD_OPTION', `transaction() expected ${expected}, got ${describe(got)}`);
}

/**
 * Collects what is changed in one database transaction. It is bumped when the outermost one is committed, and forgotten
 * when it is rolled back.
 */
export class SweepTransaction implements Uncommitted {
  readonly parent: SweepTransaction | undefined;
  readonly #owner: TransactionOwner;
  readonly #running: Ambient<SweepTransaction>;
  readonly #strict: boolean;
  readonly #changes = new CollectedChanges();
  /**
   * Names changed in here, in transactions around and inside this one, committed or not. Nothing is taken from it: a render
   * that is under way may have read the rows already.
   */
  readonly #seen: BoundedNames;
  #state: 'open' | 'delivering' | 'committed' | 'rolled back' = 'open';
  #failure: { readonly error: unknown } | undefined;

  /** @param around the transaction that the running code is in; renders in it read what is changed here */
  constructor(
    owner: TransactionOwner,
    running: Ambient<SweepTransaction>,
    around: SweepTransaction | undefined,
    { parent, strict = false }: BeginOptions,
  ) {
    this.#owner = owner;
    this.#running = running;
    this.parent = parent;
    this.#strict = strict;
    const outer = parent ?? around;
    this.#seen = outer === undefined ? new BoundedNames() : outer.#seen;
  }

  get isOver(): boolean {
    return this.#state === 'committed' || this.#state === 'rolled back';
  }

  /** Whether what it is told will be bumped. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  hasChanged(name: string): boolean {
    return this.#seen.names.has(name);
  }

  /**
   * Remembers changed models, as {@link CacheSweeper.invalidateCacheFor} would bump them: what they touch is asked now.
   *
   * @throws CacheSweeperError CACHESWEEPER_TRANSACTION_OVER; CACHESWEEPER_NO_IDENTITY and the like
   */
  readonly invalidateCacheFor = (models: unknown, options: InvalidateOptions = {}): void => {
    if (this.#state !== 'open') {
      throw new CacheSweeperError(
        'CACHESWEEPER_TRANSACTION_OVER',
        `invalidateCacheFor() of a transaction that is ${this.#state}: nothing would be bumped. Await all that is done in ` +
          'its callback, or call sweeper.invalidateCacheFor()',
      );
    }
    this.collect(changesOf(this.#owner.identifier, Array.isArray(models) ? models : [models], options));
  };

  /**
   * For writes that name no rows: sweeps all that shows any row of a type, and all types that such rows may touch.
   *
   * @param model the class, or the name of the type
   */
  readonly invalidateAllOf = (model: unknown): void => {
    const swept = new SweptNames(this.#owner.identifier);
    swept.add(partialRow({}), { type: this.#owner.identifier.identity(model).type, id: undefined });
    this.collect({ names: swept.names, conditional: new Map() });
  };

  /** A change was heard that cannot be told from any other: everything is swept, and the error is reported. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#owner.report(error);
    this.collect({ names: new Set([EVERYTHING]), conditional: new Map() });
  }

  collect(changes: Changes): void {
    this.#changes.add(changes);
    for (const name of changes.names) this.#seen.add(name);
    for (const { names } of changes.conditional.values()) for (const name of names) this.#seen.add(name);
  }

  /** Runs something inside: pages rendered by it show what this transaction has changed, uncached. */
  run<T>(inside: () => T): T {
    return this.#running.run(this, inside);
  }

  /**
   * The database has committed. Of a nested transaction: its changes are now the outer one's.
   *
   * @throws CacheSweeperError CACHESWEEPER_BUMP_FAILED, with `strict`
   */
  async commit(): Promise<void> {
    if (this.#state !== 'open') return;
    const { parent } = this;
    if (parent !== undefined && (parent.#state === 'open' || parent.#state === 'rolled back')) {
      this.#state = 'committed';
      parent.collect(this.#changes);
      parent.#failure ??= this.#failure;
      return;
    }
    this.#state = 'delivering';
    try {
      await this.#owner.deliver(this.#changes);
    } catch (error) {
      if (this.#strict) this.#failure ??= { error };
      else this.#owner.report(error);
    } finally {
      this.#state = 'committed';
    }
    if (this.#strict && this.#failure !== undefined) throw this.#failure.error;
  }

  /** The database has rolled back: nothing of this was ever to be seen. */
  rollback(): void {
    if (this.#state === 'open') this.#state = 'rolled back';
  }
}
