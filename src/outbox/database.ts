/** A database with an outbox table. */
export interface OutboxDatabase {
  /**
   * Runs one statement in a transaction of its own, READ COMMITTED where the database has isolation levels: the default of a
   * database may be a stricter one, in which reading the table could make saves fail. An INSERT may have any level.
   *
   * @returns the rows of a SELECT
   */
  query(sql: string): PromiseLike<unknown>;
  /** Whether it can be asked now. */
  isOpen(): boolean;
}

/** Sends a statement of the outbox in a transaction of the site: its Knex transaction, or a function that does it. */
export type OutboxWriter = { raw(sql: string): PromiseLike<unknown> } | ((sql: string) => unknown);

/** The part of the site's Knex that is used here. */
export interface OutboxKnex {
  raw(sql: string): PromiseLike<unknown>;
  transaction(
    run: (transaction: { raw(sql: string): PromiseLike<unknown> }) => Promise<unknown>,
    options: { isolationLevel: 'read committed' },
  ): PromiseLike<unknown>;
  // Knex itself says no more of it.
  readonly client: unknown;
}

/** Dialects of Knex, and whether a transaction can be told its isolation level. */
const DIALECTS: Readonly<Record<string, boolean>> = {
  postgresql: true,
  postgres: true,
  mysql: true,
  sqlite3: false,
  'better-sqlite3': false,
};

/** Returns the dialect of a Knex instance that an outbox can be in; undefined for another one. */
function dialectOf({ client }: OutboxKnex): string | undefined {
  const { dialect } = (client ?? {}) as { readonly dialect?: unknown };
  return typeof dialect === 'string' && Object.hasOwn(DIALECTS, dialect) ? dialect : undefined;
}

export function isOutboxKnex(value: unknown): value is OutboxKnex {
  const knex = value as OutboxKnex | null | undefined;
  if (typeof knex?.raw !== 'function' || typeof knex.transaction !== 'function') return false;
  // A transaction ends, and the polls go on.
  if ((knex as { readonly isTransaction?: unknown }).isTransaction === true) return false;
  return dialectOf(knex) !== undefined;
}

export function knexDatabase(knex: OutboxKnex): OutboxDatabase {
  const hasLevels = DIALECTS[dialectOf(knex) ?? ''] === true;
  return {
    query: (sql) =>
      hasLevels
        ? knex.transaction(async (transaction) => transaction.raw(sql), { isolationLevel: 'read committed' })
        : knex.raw(sql),
    // `destroy()` takes it away.
    isOpen: () => (knex.client as { readonly pool?: unknown }).pool !== undefined,
  };
}

/** Sends a statement by what the site has given. A function is called before this returns. */
export async function send(writer: OutboxWriter, sql: string): Promise<void> {
  // A transaction of Knex is a function as well, which makes queries.
  await ('raw' in writer ? writer.raw(sql) : writer(sql));
}

export interface OutboxRow {
  readonly id: string;
  readonly names: unknown;
}

/** Returns the rows in what a client answers to a SELECT: a list, a list of lists (MySQL), or `{ rows }` (PostgreSQL). */
export function rowsOf(result: unknown): readonly OutboxRow[] {
  const list = (result as { readonly rows?: unknown } | null | undefined)?.rows ?? result;
  if (!Array.isArray(list)) return [];
  return Array.isArray(list[0]) ? list[0] : list;
}
