import { Ambient } from '../render/ambient.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { type BeginOptions, SweepTransaction, type TransactionOptions, type TransactionOwner } from './transaction.ts';

/** The transactions of one sweeper. Knows which one the running code is in. */
export class Transactions {
  readonly #owner: TransactionOwner;
  readonly #running = new Ambient<SweepTransaction>();

  constructor(owner: TransactionOwner) {
    this.#owner = owner;
  }

  /** Returns the innermost transaction around the running code that is not over. */
  get current(): SweepTransaction | undefined {
    let at = this.#running.current;
    while (at?.isOver) at = at.parent;
    return at;
  }

  /** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value */
  begin(options: BeginOptions): SweepTransaction {
    checkOptions(options);
    return new SweepTransaction(this.#owner, this.#running, this.current, options);
  }

  /**
   * Runs a function in a transaction. Commits it when the function resolves, rolls it back when it throws or rejects.
   */
  async around<T>(run: (transaction: SweepTransaction) => T | PromiseLike<T>, options: TransactionOptions): Promise<T> {
    if (typeof run !== 'function') throw badOption('transaction()', 'a function', describe(run));
    const transaction = this.begin({ ...options, parent: this.current });
    let result: T;
    try {
      // Await inside: query builders send their query when they are awaited.
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
  if (typeof options !== 'object' || options === null)
    throw badOption('transaction()', 'an object of options', describe(options));
  checkNames('transaction()', options, ['strict', 'parent']);
  const { strict, parent } = options;
  if (strict !== undefined && typeof strict !== 'boolean')
    throw badOption('transaction() strict', 'true or false', describe(strict));
  if (parent !== undefined && !(parent instanceof SweepTransaction))
    throw badOption('transaction() parent', 'a transaction', describe(parent));
}
