import { CacheSweeperError } from '../errors.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { knexDatabase, type OutboxDatabase } from './database.ts';
import type { OutboxSettings } from './options.ts';
import { type OutboxOwner, OutboxTable } from './outbox-table.ts';
import { kindOf, newId, type RowKind, Statements } from './statements.ts';

/** A row that was inserted for a save. */
export interface InsertedRow {
  readonly id: string;
  /** Undefined where the site sent the statement itself, so that it may be in any database. */
  readonly database: OutboxDatabase | undefined;
}

/** What an outbox asks of its sweeper. */
export interface OutboxSite {
  /** Namespace and version, which tokens have in their keys. */
  readonly site: string;
  /** False where tokens are in the process alone, and end with it. */
  readonly isActive: boolean;
  deliver(names: ReadonlySet<string>): Promise<void>;
  report(error: unknown): void;
}

/**
 * The names of saves whose bump is not done yet, kept in the databases that hold the saved rows. If a process dies between the
 * commit and the bump, the others find its names there and bump them.
 */
export class Outbox {
  /** Whether rows are written and looked for. */
  readonly isActive: boolean;
  readonly #statements: Statements;
  readonly #interval: number;
  readonly #owner: OutboxOwner;
  readonly #tables: OutboxTable[] = [];
  #isClosed = false;

  constructor({ knex, table, interval }: OutboxSettings, { site, isActive, deliver, report }: OutboxSite) {
    this.isActive = isActive;
    this.#statements = new Statements(table, site);
    this.#interval = interval;
    this.#owner = { deliver, failed: (cause) => report(unreadable(table, cause)) };
    if (knex !== undefined) this.attach(knexDatabase(knex));
  }

  /**
   * Statement that makes the table, where it is not there: for a migration.
   *
   * @example
   * await queryRunner.query(sweeper.outbox.createTableSql);
   */
  get createTableSql(): string {
    return this.#statements.create;
  }

  /**
   * Makes the table in each database that the sweeper knows of, where it is not there: that of the option's `knex` and those of the
   * hooks.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when it knows of none; the database's own errors
   *
   * @example
   * await sweeper.outbox.createTable();
   */
  async createTable(): Promise<void> {
    this.#checkDatabase();
    for (const table of this.#tables) await table.create();
  }

  /** Looks for rows in a database as well. For the hooks of ORMs. */
  attach(database: OutboxDatabase): void {
    if (this.#isClosed) return;
    const table = new OutboxTable(database, this.#statements, this.#interval, this.#owner);
    this.#tables.push(table);
    if (this.isActive) table.start();
  }

  /**
   * Returns a new row for names, and the statement that inserts it.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when no database is looked into
   */
  row(
    kind: RowKind,
    names: Iterable<string>,
    database: OutboxDatabase | undefined,
  ): { readonly row: InsertedRow; readonly sql: string } {
    this.#checkDatabase();
    const id = newId(kind);
    return { row: { id, database }, sql: this.#statements.insert(id, names) };
  }

  /** Leaves the rows of saves outside of transactions, which are over, to the polls. They bump these names. */
  settle(rows: readonly InsertedRow[], names: Iterable<string>): void {
    for (const { id, database } of rows) {
      if (kindOf(id) === 'saving') this.#tables.find((table) => table.database === database)?.settle(id, names);
    }
  }

  /** Removes rows in the background, after their names were bumped. */
  remove(rows: readonly InsertedRow[]): void {
    for (const table of this.#tables) {
      const ids = rows
        .filter(({ database }) => database === undefined || database === table.database)
        .map(({ id }) => id);
      if (ids.length > 0) table.remove(ids);
    }
  }

  #checkDatabase(): void {
    if (this.#tables.length > 0) return;
    throw badOption('option outbox', 'a database to look into', 'none', {
      todo: 'give it the Knex of the site, or call sweepOnSave() before',
    });
  }

  /** Resolves when no row is being removed or settled. */
  async idle(): Promise<void> {
    await Promise.all(this.#tables.map((table) => table.idle()));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#tables.map((table) => table.close()));
  }
}

function unreadable(table: string, cause: unknown): CacheSweeperError {
  const why = cause instanceof Error ? cause.message : describe(cause);
  return new CacheSweeperError(
    'CACHESWEEPER_OUTBOX',
    `the outbox (table ${table}) could not be read twice in a row: ${why}; what processes left there that have died is not ` +
      'bumped until it can. If the table is missing: await sweeper.outbox.createTable()',
    { cause },
  );
}
