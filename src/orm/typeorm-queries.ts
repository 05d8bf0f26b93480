import type { DataSource, EntityManager, EntityMetadata, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { CacheSweeperError } from '../errors.ts';
import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { OutboxWriter } from '../outbox/database.ts';
import { Ambient } from '../render/ambient.ts';
import type { Saving } from './hook-outbox.ts';
import { Tables, type TableWrite } from './typeorm-tables.ts';

/** What a query has given, and what stands in the outbox for it. */
export interface Sending<T> {
  readonly result: T;
  readonly saving: Saving | undefined;
}

/** Where a {@link QueryListener} tells what it has heard. */
export interface HearsTables extends EntitySubscriberInterface {
  /**
   * Sends a query that writes tables; returns what is to be passed to `wrote` or `left`.
   *
   * @param own sends a statement by the same query runner, past all listeners
   */
  sending<T>(
    queryRunner: QueryRunner,
    tables: readonly TableWrite[],
    send: () => Promise<T>,
    own: OutboxWriter,
  ): Promise<Sending<T>>;
  wrote(queryRunner: QueryRunner, tables: readonly TableWrite[], saving?: Saving): Promise<void>;
  left(saving: Saving): void;
  /** Is called before a query runner sends COMMIT, with what sends a statement before that. */
  committing(queryRunner: QueryRunner, send: OutboxWriter): Promise<void>;
  /** Returns the transaction that a query runner is in. */
  transactionOf(queryRunner: QueryRunner): SweepTransaction | undefined;
}

/** One call of `save()`, `remove()`, `softRemove()` or `recover()`. */
interface Save {
  /** Whether TypeORM tells subscribers of its rows when they are all written. */
  announced: boolean;
  /** What was written so far, and where. */
  readonly written: Map<EntityMetadata, Sent>;
  /** What stands in the outbox for its queries, where they are in no transaction. */
  readonly savings: Saving[];
}

interface Sent {
  readonly queryRunner: QueryRunner;
  readonly table: TableWrite;
  readonly transaction: SweepTransaction | undefined;
}

const COMMIT = /^\s*commit\b/i;

type Method = (...args: unknown[]) => unknown;
type Methods = Record<string, Method>;

/**
 * Listens where TypeORM sends its queries, because it does not tell subscribers of all: not of those with
 * `listeners: false` or `callListeners(false)`, and not of `clear()`. A query tells its tables. Rows are known only from
 * the events of `save()` and its like, so the queries of these count only if no event follows.
 */
export class QueryListener {
  readonly #dataSource: DataSource;
  readonly #subscriber: HearsTables;
  readonly #saving = new Ambient<Save>();
  readonly #entered = new WeakSet<object>();
  /** The save whose event is being told now. Subscribers are called before `broadcast…()` returns. */
  #telling: Save | undefined;
  #tables: { readonly of: readonly EntityMetadata[]; readonly tables: Tables } | undefined;

  constructor(dataSource: DataSource, subscriber: HearsTables) {
    this.#dataSource = dataSource;
    this.#subscriber = subscriber;
  }

  /** Whether the event that is being told is of a query, which was heard when it was sent. */
  hasHeard(queryRunner: QueryRunner): boolean {
    return this.#entered.has(queryRunner) && this.#telling === undefined;
  }

  /** Listens to all that a query runner sends. */
  enterRunner(queryRunner: QueryRunner): void {
    // SQLite's driver has one query runner and returns it each time.
    if (this.#entered.has(queryRunner)) return;
    this.#entered.add(queryRunner);
    const runner = queryRunner as unknown as Methods;
    const query = queryRunner.query.bind(queryRunner);
    // Not in `beforeTransactionCommit`, in which other subscribers may write as well.
    this.#before(runner, 'query', async (sql) => {
      if (COMMIT.test(String(sql))) await this.#subscriber.committing(queryRunner, query);
    });
    // Query builders ask for a structured result; `query()` of the site does not.
    this.#listen(queryRunner, query, 'query', (sql, _parameters, isBuilt) =>
      isBuilt === true ? this.#known.writtenBy(String(sql)) : [],
    );
    this.#listen(queryRunner, query, 'clearTable', (path, options) => {
      const cleared = this.#known.of(String(path)).map((metadata) => ({ metadata, action: 'onDelete' }) as const);
      const isCascade = (options as { readonly cascade?: boolean } | undefined)?.cascade === true;
      return isCascade ? this.#all() : cleared;
    });
    this.#listen(queryRunner, query, 'clearDatabase', () => this.#all());
    this.#enterBroadcaster(queryRunner.broadcaster as unknown as Methods);
  }

  /** Notes which queries belong to a save of whose rows subscribers are told. */
  enterManager(manager: EntityManager): void {
    if (this.#entered.has(manager)) return;
    this.#entered.add(manager);
    const methods = manager as unknown as Methods;
    for (const name of ['save', 'remove', 'softRemove', 'recover']) {
      const method = methods[name]?.bind(manager);
      if (method !== undefined) methods[name] = (...args) => this.#save(() => method(...args), args);
    }
  }

  async #save(save: () => unknown, args: readonly unknown[]): Promise<unknown> {
    const isSilent = args.some((arg) => (arg as { listeners?: unknown } | null | undefined)?.listeners === false);
    const saving: Save = { announced: !isSilent, written: new Map(), savings: [] };
    try {
      return await this.#saving.run(saving, async () => await save());
    } catch (error) {
      if (!(error instanceof CacheSweeperError)) await this.#interrupted(saving);
      throw error;
    } finally {
      saving.announced = false;
      saving.written.clear(); // connections that were opened meanwhile keep the save
      // Nobody knows which event was for which query.
      for (const each of saving.savings) this.#subscriber.left(each);
    }
  }

  /** A save that fails in the middle tells no subscriber what it had written before. */
  async #interrupted({ written }: Save): Promise<void> {
    for (const { queryRunner, table, transaction } of written.values()) {
      if (transaction !== undefined && !transaction.isOpen) continue; // rolled back
      await this.#subscriber.wrote(queryRunner, [table]).catch(() => undefined); // reported and retried
    }
  }

  async #sent(queryRunner: QueryRunner, tables: readonly TableWrite[], inOutbox: Saving | undefined): Promise<void> {
    const saving = this.#saving.current;
    if (saving?.announced !== true) return this.#subscriber.wrote(queryRunner, tables, inOutbox);
    if (inOutbox !== undefined) saving.savings.push(inOutbox);
    const transaction = this.#subscriber.transactionOf(queryRunner);
    for (const table of tables) saving.written.set(table.metadata, { queryRunner, table, transaction });
  }

  /**
   * Makes subscribers run outside of the save that they are told of, because what they write themselves is announced by
   * nobody.
   */
  #enterBroadcaster(broadcaster: Methods): void {
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(broadcaster))) {
      const tell = broadcaster[name];
      if (!name.startsWith('broadcast') || tell === undefined) continue;
      broadcaster[name] = (...args) => {
        this.#attend();
        const outer = this.#telling;
        const saving = this.#saving.current;
        this.#telling = saving;
        try {
          const call = () => tell.apply(broadcaster, args);
          return saving === undefined ? call() : this.#saving.run(undefined, call);
        } finally {
          this.#telling = outer;
        }
      };
    }
  }

  /**
   * Puts our subscriber among those of the data source: `initialize()` after `destroy()` makes a new list. It comes first,
   * because TypeORM skips all behind one that throws, and committed rows must be bumped.
   */
  #attend(): void {
    const { subscribers } = this.#dataSource;
    if (!subscribers.includes(this.#subscriber)) subscribers.unshift(this.#subscriber);
  }

  get #known(): Tables {
    const { entityMetadatas } = this.#dataSource;
    if (this.#tables?.of !== entityMetadatas) {
      this.#tables = { of: entityMetadatas, tables: new Tables(entityMetadatas) };
    }
    return this.#tables.tables;
  }

  #all(): readonly TableWrite[] {
    return this.#dataSource.entityMetadatas.map((metadata) => ({ metadata, action: 'onDelete' }) as const);
  }

  #before(object: Methods, name: string, sending: (...args: unknown[]) => Promise<void>): void {
    const method = object[name]?.bind(object);
    if (method === undefined) return;
    object[name] = async (...args) => {
      await sending(...args);
      return method(...args);
    };
  }

  /**
   * @param own sends a statement past all listeners
   * @param tablesOf returns what a call of the method writes
   */
  #listen(
    queryRunner: QueryRunner,
    own: OutboxWriter,
    name: string,
    tablesOf: (...args: unknown[]) => readonly TableWrite[],
  ): void {
    const runner = queryRunner as unknown as Methods;
    const method = runner[name]?.bind(runner);
    if (method === undefined) return;
    runner[name] = async (...args) => {
      const tables = tablesOf(...args);
      if (tables.length === 0) return method(...args);
      const { result, saving } = await this.#subscriber.sending(queryRunner, tables, async () => method(...args), own);
      if (name === 'query') await this.#sent(queryRunner, tables, saving);
      else await this.#subscriber.wrote(queryRunner, tables, saving);
      return result;
    };
  }
}
