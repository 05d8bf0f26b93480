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
import type { OutboxWriter } from '../outbox/database.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import type { SaveHookOptions } from './hook-options.ts';
import type { Saving } from './hook-outbox.ts';
import { SaveHook } from './save-hook.ts';
import { classOf, TypeOrmModels } from './typeorm-models.ts';
import { typeOrmDatabase } from './typeorm-outbox.ts';
import { type HearsTables, QueryListener, type Sending } from './typeorm-queries.ts';
import { anyRow, type Row, rowLoaded, rowNow } from './typeorm-rows.ts';
import { goingWith, modelsOf, type TableWrite } from './typeorm-tables.ts';
import { checkDataSource } from './versions.ts';
import type { Write } from './write.ts';

export type { HookedModel, SaveHookOptions } from './hook-options.ts';

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
  checkDataSource(dataSource);
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
  const told = installed.get(dataSource) ?? new WeakSet();
  if (told.has(sweeper)) {
    throw new CacheSweeperError(
      'CACHESWEEPER_INSTALL',
      'sweepOnSave() was called for this data source and sweeper before; once is enough, also where it is destroyed and ' +
        'initialized again',
    );
  }
  const known = new TypeOrmModels(dataSource, nameOf, hook);
  hook.models.claim(known.places());
  hook.models.learn(known);
  hook.outbox.keep(`TypeORM on ${dataSource.options.type}`, () => typeOrmDatabase(dataSource));
  installed.set(dataSource, told.add(sweeper));
  const subscriber = new SaveSubscriber(dataSource, hook, nameOf);
  // Put it first: TypeORM skips all subscribers behind one that throws, and committed rows must be bumped.
  dataSource.subscribers.unshift(subscriber);
  enter(dataSource, subscriber);
  const initialize = dataSource.initialize.bind(dataSource);
  dataSource.initialize = async () => {
    // While it was destroyed, another one may have taken its place.
    hook.models.claim(known.places());
    const initialized = await initialize();
    hook.models.learnAgain();
    return initialized;
  };
}

/** Makes the subscriber know of each query runner and manager. They are the same after `destroy()` and `initialize()`. */
function enter(dataSource: DataSource, subscriber: SaveSubscriber): void {
  subscriber.enterManager(dataSource.manager);
  const createEntityManager = dataSource.createEntityManager.bind(dataSource);
  dataSource.createEntityManager = (of) => {
    const manager = createEntityManager(of);
    subscriber.enterManager(manager);
    return manager;
  };
  const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
  dataSource.createQueryRunner = (mode) => {
    const queryRunner = createQueryRunner(mode);
    subscriber.enterRunner(queryRunner);
    return queryRunner;
  };
}

const installed = new WeakMap<object, WeakSet<object>>();

function comingOrGoing(metadata: EntityMetadata, row: Row | undefined): Write['rows'] {
  return row && [{ now: rowLoaded(metadata, row), comesOrGoes: true }];
}

interface EntityWrite {
  readonly metadata: EntityMetadata;
  readonly rows: Write['rows'];
}

class SaveSubscriber implements EntitySubscriberInterface, HearsTables {
  readonly #dataSource: DataSource;
  readonly #hook: SaveHook;
  readonly #queries: QueryListener;
  readonly #nameOf: (metadata: EntityMetadata) => string;
  /** Open transactions of each query runner: the outermost first, then its savepoints. */
  readonly #open = new WeakMap<QueryRunner, SweepTransaction[]>();

  readonly #entered = new WeakSet<EntityManager>();

  constructor(dataSource: DataSource, hook: SaveHook, nameOf: (metadata: EntityMetadata) => string) {
    this.#dataSource = dataSource;
    this.#hook = hook;
    this.#nameOf = nameOf;
    this.#queries = new QueryListener(dataSource, this);
  }

  enterRunner(queryRunner: QueryRunner): void {
    this.#queries.enterRunner(queryRunner);
    this.enterManager(queryRunner.manager);
  }

  /**
   * Makes callbacks of `manager.transaction()` run inside our transaction, because pages rendered there show
   * uncommitted rows.
   */
  enterManager(manager: EntityManager): void {
    if (this.#entered.has(manager)) return;
    this.#entered.add(manager);
    this.#queries.enterManager(manager);
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
    return this.#heard(queryRunner, 'insert', metadata, entityId && [{ now: rowNow(metadata, entity, entity) }]);
  }

  afterUpdate({ queryRunner, metadata, entity, databaseEntity, updatedColumns }: UpdateEvent<Row>): Promise<void> {
    if (databaseEntity === undefined) return this.#heard(queryRunner, 'update', metadata, undefined);
    const now = rowNow(metadata, databaseEntity, entity ?? {});
    const others = [...goingWith(this.#dataSource, metadata, 'onUpdate', updatedColumns)];
    const comesOrGoes = updatedColumns.some(({ isDeleteDate }) => isDeleteDate);
    return this.#heard(
      queryRunner,
      'update',
      metadata,
      [{ now, previous: rowLoaded(metadata, databaseEntity), comesOrGoes }],
      others,
    );
  }

  // TypeORM removes the id from a removed `entity`; `databaseEntity`, which it loaded itself, keeps it.
  async afterRemove({ queryRunner, metadata, databaseEntity }: RemoveEvent<Row>): Promise<void> {
    if (metadata.isJunction) return this.#joined(queryRunner, metadata);
    const others = [...goingWith(this.#dataSource, metadata, 'onDelete')];
    await this.#heard(queryRunner, 'remove', metadata, comingOrGoing(metadata, databaseEntity), others);
  }

  afterSoftRemove({ queryRunner, metadata, databaseEntity }: SoftRemoveEvent<Row>): Promise<void> {
    return this.#heard(queryRunner, 'soft remove', metadata, comingOrGoing(metadata, databaseEntity));
  }

  afterRecover({ queryRunner, metadata, databaseEntity }: RecoverEvent<Row>): Promise<void> {
    return this.#heard(queryRunner, 'recover', metadata, comingOrGoing(metadata, databaseEntity));
  }

  afterTransactionStart({ queryRunner }: TransactionStartEvent): void {
    const open = this.#transactionsOf(queryRunner);
    open.push(this.#hook.begin(open.at(-1)));
  }

  async committing(queryRunner: QueryRunner, send: OutboxWriter): Promise<void> {
    for (const transaction of this.#transactionsOf(queryRunner))
      await this.#hook.outbox.prepareCommit(transaction, send);
  }

  async afterTransactionCommit({ queryRunner }: TransactionCommitEvent): Promise<void> {
    await this.#ended(queryRunner, (transaction) => transaction.commit());
  }

  async afterTransactionRollback({ queryRunner }: TransactionRollbackEvent): Promise<void> {
    await this.#ended(queryRunner, (transaction) => transaction.rollback());
  }

  /** Ends the innermost transaction; all of them when the database is in none any more (`await using`). */
  async #ended(queryRunner: QueryRunner, end: (transaction: SweepTransaction) => Promise<void> | void): Promise<void> {
    const open = this.#transactionsOf(queryRunner);
    const ended = open.splice(queryRunner.isTransactionActive ? -1 : 0).reverse();
    for (const transaction of ended) await end(transaction);
  }

  transactionOf(queryRunner: QueryRunner): SweepTransaction | undefined {
    return this.#transactionsOf(queryRunner).at(-1);
  }

  sending<T>(
    queryRunner: QueryRunner,
    tables: readonly TableWrite[],
    send: () => Promise<T>,
    own: OutboxWriter,
  ): Promise<Sending<T>> {
    return this.#hook.sending(this.#writesOf(this.#writtenIn(tables)), this.#transactionIn(queryRunner), send, own);
  }

  left(saving: Saving): void {
    this.#hook.outbox.left(saving);
  }

  /** Hears of writes of unknown rows. */
  async wrote(queryRunner: QueryRunner, tables: readonly TableWrite[], saving?: Saving): Promise<void> {
    await this.#wrote(queryRunner, 'query', this.#writtenIn(tables), saving);
  }

  #writtenIn(tables: readonly TableWrite[]): readonly EntityWrite[] {
    const written = new Set<EntityMetadata>();
    for (const { metadata, action } of tables) {
      const going = action === undefined ? [] : goingWith(this.#dataSource, metadata, action);
      for (const each of [metadata, ...going]) for (const model of modelsOf(each)) written.add(model);
    }
    return [...written].map((metadata) => ({ metadata, rows: undefined }));
  }

  async #joined(queryRunner: QueryRunner, metadata: EntityMetadata): Promise<void> {
    const [first, ...others] = modelsOf(metadata);
    if (first !== undefined) await this.#heard(queryRunner, 'relation', first, undefined, others);
  }

  /** @param others further models that were written, of unknown rows */
  async #heard(
    queryRunner: QueryRunner,
    doing: string,
    metadata: EntityMetadata,
    rows: Write['rows'],
    others: readonly EntityMetadata[] = [],
  ): Promise<void> {
    if (this.#queries.hasHeard(queryRunner)) return;
    const unknown = others.map((other) => ({ metadata: other, rows: undefined }));
    await this.#wrote(queryRunner, doing, [{ metadata, rows }, ...unknown]);
  }

  #wrote(queryRunner: QueryRunner, doing: string, writes: readonly EntityWrite[], saving?: Saving): Promise<void> {
    return this.#hook.heard(this.#writesOf(writes), this.#transactionIn(queryRunner), saving, `TypeORM ${doing}`);
  }

  #writesOf(writes: readonly EntityWrite[]): Write[] {
    return writes.map(({ metadata, rows }) => ({
      model: this.#nameOf(metadata),
      modelClass: classOf(metadata),
      rows,
      anyRow: rows === undefined ? anyRow(metadata) : undefined,
    }));
  }

  #transactionIn(queryRunner: QueryRunner): SweepTransaction | undefined {
    const open = this.#transactionsOf(queryRunner);
    // The transaction was open before this subscriber was added.
    if (queryRunner.isTransactionActive && open.length === 0) open.push(this.#hook.begin());
    return open.at(-1);
  }

  #transactionsOf(queryRunner: QueryRunner): SweepTransaction[] {
    const known = this.#open.get(queryRunner);
    if (known !== undefined) return known;
    const open: SweepTransaction[] = [];
    this.#open.set(queryRunner, open);
    return open;
  }
}
