import type {
  DataSource,
  EntityManager,
  EntityMetadata,
  EntitySubscriberInterface,
  InsertEvent,
  QueryRunner,
  RecoverEvent,
  RemoveEvent,
  SoftRemoveEvent,
  TransactionCommitEvent,
  TransactionRollbackEvent,
  TransactionStartEvent,
  UpdateEvent,
} from 'typeorm';
import { CacheSweeperError } from '../errors.ts';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { SaveHook, type SaveHookOptions, type Write } from './save-hook.ts';
import { classOf, TypeOrmModels } from './typeorm-models.ts';
import { anyRow, type Row, rowLoaded, rowNow } from './typeorm-rows.ts';

export type { HookedModel, SaveHookOptions } from './save-hook.ts';

/** The part of a TypeORM `DataSource` that is used here, without TypeORM's own types. */
export interface TypeOrmDataSource {
  readonly isInitialized: boolean;
  readonly entityMetadatas: readonly { readonly name: string; readonly tableName: string }[];
  createQueryRunner(...args: never): object;
}

/**
 * Reports every row that a TypeORM data source saves or removes to a sweeper: at once, or when the outermost
 * transaction is committed. TypeORM waits for that, so when `await repository.save(comment)` resolves, the bump is
 * done. docs/orm.md lists which writes are reported and which are not.
 *
 * @param ofTypeOrm an initialized `DataSource`. Options name its models by class, schema or table.
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION; CACHESWEEPER_TYPE_CONFLICT when the sweeper hears another database
 * or schema of the same entities; CACHESWEEPER_INSTALL when it was called for this data source and sweeper before
 *
 * @example
 * await dataSource.initialize();
 * sweepOnSave(dataSource, sweeper, { exclude: ['Session'] });
 */
export function sweepOnSave(ofTypeOrm: TypeOrmDataSource, sweeper: CacheSweeper, options: SaveHookOptions = {}): void {
  const dataSource = ofTypeOrm as DataSource;
  if (dataSource?.isInitialized !== true) {
    throw badOption('sweepOnSave()', 'a data source that is initialized, for its models', describe(dataSource), {
      todo: 'await dataSource.initialize() first',
    });
  }
  if (options.bulk === 'rows') {
    throw badOption('sweepOnSave() bulk', '"type"', describe(options.bulk), {
      todo: 'TypeORM does not tell a subscriber which rows a write is for',
    });
  }
  if (options.tenant !== undefined) {
    throw badOption('sweepOnSave() tenant', 'none for TypeORM', describe(options.tenant), {
      todo: 'data sources share classes, so a row does not tell where it is from; say models: { Note: { tenant: "orgId" } }',
    });
  }
  const named = new Set([...Object.keys(options.models ?? {}), ...(options.exclude ?? [])]);
  // A minified class has another name in each build, but its table keeps its name.
  const nameOf = ({ name, tableName }: EntityMetadata) => (named.has(tableName) ? tableName : name);
  const models = dataSource.entityMetadatas.map((each) => [nameOf(each), classOf(each)] as const);
  const hook = new SaveHook(sweeper, options, models);
  const subscriber = new SaveSubscriber(hook, nameOf, sweeper);
  if (dataSource.subscribers.some((each) => each instanceof SaveSubscriber && each.sweeper === sweeper)) {
    throw new CacheSweeperError(
      'CACHESWEEPER_INSTALL',
      'sweepOnSave() was called for this data source and sweeper before',
    );
  }
  const known = new TypeOrmModels(dataSource, nameOf, hook);
  hook.claim(known.places());
  hook.learn(known);
  // Put it first: TypeORM skips all subscribers behind one that throws, and committed rows must be bumped.
  dataSource.subscribers.unshift(subscriber);
  subscriber.enter(dataSource.manager);
  const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
  dataSource.createQueryRunner = (mode) => {
    const queryRunner = createQueryRunner(mode);
    subscriber.enter(queryRunner.manager);
    return queryRunner;
  };
}

class SaveSubscriber implements EntitySubscriberInterface {
  readonly sweeper: CacheSweeper;
  readonly #hook: SaveHook;
  readonly #nameOf: (metadata: EntityMetadata) => string;
  /** Open transactions of each query runner: the outermost first, then its savepoints. */
  readonly #open = new WeakMap<QueryRunner, SweepTransaction[]>();

  readonly #entered = new WeakSet<EntityManager>();

  constructor(hook: SaveHook, nameOf: (metadata: EntityMetadata) => string, sweeper: CacheSweeper) {
    this.#hook = hook;
    this.#nameOf = nameOf;
    this.sweeper = sweeper;
  }

  /**
   * Makes callbacks of `manager.transaction()` run inside our transaction, because pages rendered there show
   * uncommitted rows.
   */
  enter(manager: EntityManager): void {
    // SQLite's driver has one query runner and returns it each time.
    if (this.#entered.has(manager)) return;
    this.#entered.add(manager);
    const transaction = manager.transaction.bind(manager) as (...args: unknown[]) => Promise<unknown>;
    const inside = (run: unknown) => {
      if (typeof run !== 'function') return run;
      return (inner: EntityManager) => {
        const open = inner.queryRunner && this.#open.get(inner.queryRunner)?.at(-1);
        return open === undefined ? run(inner) : open.run(() => run(inner));
      };
    };
    const entering = (...args: unknown[]) => transaction(...args.map(inside));
    manager.transaction = entering as typeof manager.transaction;
  }

  // Trust the row's id only after a save. A query builder's insert may be an upsert, for which the reported id can be
  // that of another row.
  afterInsert({ queryRunner, metadata, entity, entityId }: InsertEvent<Row>): Promise<void> {
    if (metadata.isJunction) return this.#joined(queryRunner, metadata);
    return this.#heard(queryRunner, metadata, entityId && [{ now: rowNow(metadata, entity, entity) }]);
  }

  afterUpdate({ queryRunner, metadata, entity, databaseEntity }: UpdateEvent<Row>): Promise<void> {
    if (databaseEntity === undefined) return this.#heard(queryRunner, metadata, undefined);
    const now = rowNow(metadata, databaseEntity, entity ?? {});
    return this.#heard(queryRunner, metadata, [{ now, previous: rowLoaded(metadata, databaseEntity) }]);
  }

  // TypeORM removes the id from a removed `entity`; `databaseEntity`, which it loaded itself, keeps it.
  async afterRemove({ queryRunner, metadata, databaseEntity }: RemoveEvent<Row>): Promise<void> {
    if (metadata.isJunction) return this.#joined(queryRunner, metadata);
    const others = [...goingWith(metadata)].filter((other) => other !== metadata);
    await this.#heard(queryRunner, metadata, databaseEntity && [{ now: rowLoaded(metadata, databaseEntity) }], others);
  }

  afterSoftRemove({ queryRunner, metadata, databaseEntity }: SoftRemoveEvent<Row>): Promise<void> {
    return this.#heard(queryRunner, metadata, databaseEntity && [{ now: rowLoaded(metadata, databaseEntity) }]);
  }

  afterRecover({ queryRunner, metadata, databaseEntity }: RecoverEvent<Row>): Promise<void> {
    return this.#heard(queryRunner, metadata, databaseEntity && [{ now: rowLoaded(metadata, databaseEntity) }]);
  }

  afterTransactionStart({ queryRunner }: TransactionStartEvent): void {
    const open = this.#transactionsOf(queryRunner);
    open.push(this.#hook.begin(open.at(-1)));
  }

  async afterTransactionCommit({ queryRunner }: TransactionCommitEvent): Promise<void> {
    await this.#open.get(queryRunner)?.pop()?.commit();
  }

  afterTransactionRollback({ queryRunner }: TransactionRollbackEvent): void {
    this.#open.get(queryRunner)?.pop()?.rollback();
  }

  /** A row of a join table is no model. It changes the models that it joins. */
  async #joined(queryRunner: QueryRunner, { foreignKeys }: EntityMetadata): Promise<void> {
    const [first, ...others] = foreignKeys.map(({ referencedEntityMetadata }) => referencedEntityMetadata);
    if (first !== undefined) await this.#heard(queryRunner, first, undefined, others);
  }

  /** @param others further models that were written, of unknown rows */
  #heard(
    queryRunner: QueryRunner,
    metadata: EntityMetadata,
    rows: readonly { readonly now: Row; readonly previous?: Row }[] | undefined,
    others: readonly EntityMetadata[] = [],
  ): Promise<void> {
    const open = this.#transactionsOf(queryRunner);
    // The transaction was open before this subscriber was added.
    if (queryRunner.isTransactionActive && open.length === 0) open.push(this.#hook.begin());
    const write = (of: EntityMetadata, written: Write['rows']): Write => ({
      model: this.#nameOf(of),
      modelClass: classOf(of),
      rows: written,
      anyRow: written === undefined ? anyRow(of) : undefined,
    });
    return this.#hook.heard([write(metadata, rows), ...others.map((other) => write(other, undefined))], open.at(-1));
  }

  #transactionsOf(queryRunner: QueryRunner): SweepTransaction[] {
    const known = this.#open.get(queryRunner);
    if (known !== undefined) return known;
    const open: SweepTransaction[] = [];
    this.#open.set(queryRunner, open);
    return open;
  }
}

/**
 * Returns the models of which the database itself deletes or changes rows when a row is deleted, including those that
 * follow from them.
 */
function goingWith(metadata: EntityMetadata, found: Set<EntityMetadata> = new Set([metadata])): Set<EntityMetadata> {
  for (const other of metadata.dataSource.entityMetadatas) {
    const goes = other.foreignKeys.some(
      ({ referencedEntityMetadata, onDelete }) =>
        referencedEntityMetadata === metadata && /cascade|set/i.test(onDelete ?? ''),
    );
    if (!goes || other.isJunction || found.has(other)) continue;
    goingWith(other, found.add(other));
  }
  return found;
}
