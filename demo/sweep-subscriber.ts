import type {
  EntityMetadata,
  EntitySubscriberInterface,
  InsertEvent,
  QueryRunner,
  RemoveEvent,
  SoftRemoveEvent,
  TransactionCommitEvent,
  TransactionRollbackEvent,
  UpdateEvent,
} from 'typeorm';

/** The part of a CacheSweeper that a subscriber needs. */
export interface Bumps {
  invalidateCacheFor(models: object[]): Promise<unknown>;
}

interface Change {
  readonly queryRunner: QueryRunner;
  readonly metadata: EntityMetadata;
  /** The row as it was and as it is, where they are known. Both count: a comment may have moved to another article. */
  readonly rows: readonly (object | undefined)[];
}

/**
 * Tells a sweeper of every row that TypeORM saves or removes: at once, or inside a transaction when it is committed, since
 * before that everybody else still reads the old row. TypeORM waits for it, so that `await repository.save(comment)`
 * resolves with the fragments already swept.
 *
 * Raw SQL does not pass through here.
 */
export class SweepSubscriber implements EntitySubscriberInterface {
  readonly #sweeper: Bumps;
  readonly #uncommitted = new WeakMap<QueryRunner, Set<object>>();

  constructor(sweeper: Bumps) {
    this.#sweeper = sweeper;
  }

  afterInsert({ queryRunner, metadata, entity }: InsertEvent<object>): Promise<void> {
    return this.#changed({ queryRunner, metadata, rows: [entity] });
  }

  afterUpdate({ queryRunner, metadata, entity, databaseEntity }: UpdateEvent<object>): Promise<void> {
    return this.#changed({ queryRunner, metadata, rows: [entity, databaseEntity] });
  }

  // TypeORM takes the id off a removed `entity`; the one it had loaded keeps it.
  afterRemove({ queryRunner, metadata, databaseEntity }: RemoveEvent<object>): Promise<void> {
    return this.#changed({ queryRunner, metadata, rows: [databaseEntity] });
  }

  afterSoftRemove({ queryRunner, metadata, databaseEntity }: SoftRemoveEvent<object>): Promise<void> {
    return this.#changed({ queryRunner, metadata, rows: [databaseEntity] });
  }

  async afterTransactionCommit({ queryRunner }: TransactionCommitEvent): Promise<void> {
    if (queryRunner.isTransactionActive) return; // a savepoint was released, nothing is committed yet
    const models = this.#uncommitted.get(queryRunner);
    this.#uncommitted.delete(queryRunner);
    if (models !== undefined) await this.#sweeper.invalidateCacheFor([...models]);
  }

  afterTransactionRollback({ queryRunner }: TransactionRollbackEvent): void {
    // After the rollback of a savepoint only, the outer changes may still be committed. To keep all is the safe side.
    if (!queryRunner.isTransactionActive) this.#uncommitted.delete(queryRunner);
  }

  async #changed(change: Change): Promise<void> {
    const { queryRunner } = change;
    if (!queryRunner.isTransactionActive) {
      await this.#sweeper.invalidateCacheFor(changedModels(change));
      return;
    }
    const models = this.#uncommitted.get(queryRunner) ?? new Set();
    this.#uncommitted.set(queryRunner, models);
    for (const model of changedModels(change)) models.add(model);
  }
}

/** The rows that changed or, after a write by criteria, whose ids nobody knows, the class of all such rows. */
function changedModels({ metadata, rows }: Change): object[] {
  const model = metadata.target as new () => object;
  const known = rows.filter((row) => row instanceof model && metadata.getEntityIdMap(row) !== undefined);
  return known.length > 0 ? (known as object[]) : [model];
}
