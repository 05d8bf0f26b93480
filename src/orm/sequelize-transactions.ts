import type { Sequelize, Transaction } from 'sequelize';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { SaveHook } from './save-hook.ts';

/** What Sequelize calls to send a COMMIT. */
interface Committing {
  commitTransaction(transaction: Transaction, options: unknown): Promise<unknown>;
}

/** Finds the sweeper's transaction for one of Sequelize's. */
export class OpenTransactions {
  readonly #hook: SaveHook;
  readonly #known = new WeakMap<object, SweepTransaction>();

  constructor(sequelize: Sequelize, hook: SaveHook) {
    this.#hook = hook;
    const queries = sequelize.getQueryInterface() as unknown as Committing;
    const commit = queries.commitTransaction.bind(queries);
    queries.commitTransaction = async (transaction, options) => {
      try {
        return await commit(transaction, options);
      } catch (error) {
        // Behind a connection that was lost, the database may commit it later.
        this.#known.get(transaction)?.leaveRows();
        throw error;
      }
    };
  }

  of(transaction: Transaction): SweepTransaction {
    const known = this.#known.get(transaction);
    if (known !== undefined) return known;
    const { parent } = transaction as { parent?: Transaction | null };
    const begun = this.#hook.begin(parent ? this.of(parent) : undefined);
    this.#known.set(transaction, begun);
    if (!parent) this.#prepareCommit(transaction, begun);
    // Sequelize calls this for savepoints, too, and even when COMMIT fails. Then too much is bumped, which costs only
    // renders.
    transaction.afterCommit(async () => {
      await this.#endSavepoints(transaction);
      await begun.commit();
    });
    return begun;
  }

  /** Sequelize has no hook before the commit. */
  #prepareCommit(transaction: Transaction, begun: SweepTransaction): void {
    const commit = transaction.commit.bind(transaction);
    const { sequelize } = transaction as unknown as { readonly sequelize: Sequelize };
    transaction.commit = async () => {
      try {
        await this.#endSavepoints(transaction);
        await this.#hook.outbox.prepareCommit(begun, (sql) => sequelize.query(sql, { transaction }));
      } catch (error) {
        // Sequelize takes a commit that fails for ended.
        await transaction.rollback().catch(() => {});
        throw error;
      }
      return commit();
    };
  }

  /**
   * Commits savepoints that were neither committed nor rolled back, because the database commits them with the
   * transaction.
   */
  async #endSavepoints(transaction: object): Promise<void> {
    const { savepoints = [] } = transaction as { savepoints?: readonly (Transaction & { finished?: string })[] };
    for (const savepoint of savepoints) {
      if (savepoint.finished === 'rollback') continue;
      await this.#endSavepoints(savepoint);
      await this.#known.get(savepoint)?.commit();
    }
  }
}
