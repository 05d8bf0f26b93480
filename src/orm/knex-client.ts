/** A Knex instance or transaction, without Knex's own types. */
export interface KnexInstance {
  readonly client: unknown;
  raw(...args: never): unknown;
  transaction(...args: never): unknown;
}

/** Part of a statement: a condition, a join, a common table expression. */
export interface Clause {
  readonly grouping?: string;
  readonly type?: string;
  readonly column?: unknown;
  readonly operator?: unknown;
  readonly value?: unknown;
  readonly bool?: string;
  readonly not?: boolean;
  readonly asColumn?: boolean;
  /** Of a join. */
  readonly table?: unknown;
  readonly schema?: string;
}

/** What a query builder holds that stands once in its statement. */
export interface Single {
  table?: unknown;
  schema?: string;
  insert?: unknown;
  update?: object;
  counter?: object;
  returning?: unknown;
  merge?: unknown;
  using?: unknown;
  updateFrom?: unknown;
}

/** A query builder, or a schema builder, which has `_sequence` alone, or raw SQL, which has none of these. */
export interface Builder extends PromiseLike<unknown> {
  readonly client: Client;
  _method?: string;
  readonly _single?: Single;
  readonly _statements?: readonly Clause[];
  readonly _sequence?: readonly { readonly method: string }[];
  readonly _connection?: unknown;
  readonly _queryContext?: unknown;
  clone(): Builder;
  clear(what: string): Builder;
  connection(connection: unknown): Builder;
  queryContext(context: unknown): Builder;
  select(what: string): Builder;
  from(table: unknown): Builder;
  withSchema(schema: string): Builder;
  where(condition: object | ((this: Builder) => void)): Builder;
  orWhere(condition: object): Builder;
  whereIn(column: string, values: readonly unknown[]): Builder;
  limit(rows: number): Builder;
  toSQL(): { readonly sql?: unknown } | readonly { readonly sql?: unknown }[];
}

/** What sends one builder's statements. */
export interface Runner {
  run(): Promise<unknown>;
  stream(...args: unknown[]): unknown;
}

/** What a transaction's callback gets. */
export interface Transactor {
  readonly client: Client;
  executionPromise: Promise<unknown>;
  raw(sql: string): PromiseLike<unknown>;
}

export type Container = (transactor: Transactor) => unknown;
type End = (connection: unknown, value?: unknown) => Promise<unknown>;

/** One of Knex's transactions, or a savepoint. */
export interface Transaction {
  /** What its owner awaits. */
  _promise: Promise<unknown>;
  commit: End;
  release: End;
  rollback: End;
  rollbackTo: End;
}

/** What a Knex instance, or a transaction, sends its statements by. */
export interface Client {
  readonly dialect?: string;
  readonly pool?: unknown;
  readonly connectionSettings?: unknown;
  queryBuilder(): Builder;
  runner(builder: Builder): Runner;
  transaction(container: Container, ...more: unknown[]): Transaction;
}

/** Hears what the clients of a Knex instance do. */
export interface ClientListener {
  /** Sends a builder's statements. */
  running(builder: Builder, run: () => Promise<unknown>): Promise<unknown>;
  /** Sends a builder's statement, whose rows are streamed. */
  streaming(builder: Builder, stream: (...args: unknown[]) => unknown, args: readonly unknown[]): unknown;
  /** Begins a transaction, or a savepoint of the client's own. */
  beginning(client: Client, begin: (container: Container) => Transaction, container: Container): Transaction;
}

/**
 * Makes a listener hear what a client does. Knex makes the clients of transactions and of `withUserParams()` by the client's constructor, so the
 * client gets one that is derived from its own. Knex's events would not do: it does not wait for them.
 */
export function listenTo(client: Client, listener: ClientListener): void {
  const Made = client.constructor as new (...args: never[]) => Client;
  class ListenedClient extends Made {
    override runner(builder: Builder): Runner {
      const runner = super.runner(builder);
      const run = runner.run.bind(runner);
      const stream = runner.stream.bind(runner);
      runner.run = () => listener.running(builder, run);
      runner.stream = (...args) => listener.streaming(builder, stream, args);
      return runner;
    }

    override transaction(container: Container, ...more: unknown[]): Transaction {
      return listener.beginning(this, (inside) => super.transaction(inside, ...more), container);
    }
  }
  Object.setPrototypeOf(client, ListenedClient.prototype);
}

/** Whether a value has all of a client that is used here. */
export function isClient(value: unknown): value is Client {
  const client = value as Partial<Client> | null | undefined;
  if (typeof client?.runner !== 'function' || typeof client.transaction !== 'function') return false;
  if (typeof client.queryBuilder !== 'function') return false;
  const made = client.constructor as { readonly prototype?: unknown } | undefined;
  // The clients of transactions are made by it.
  if (made?.prototype !== Object.getPrototypeOf(client)) return false;
  const builder = client.queryBuilder();
  return Array.isArray(builder._statements) && typeof builder._single === 'object';
}
