/** What {@link SqlStore} uses of Knex. */
export interface SqlKnex {
  readonly client: unknown;
  raw(sql: string, bindings: readonly unknown[]): SqlRaw;
}

/** A raw query of Knex. It is sent when it is awaited. */
export interface SqlRaw {
  connection(connection: object): SqlRaw;
  timeout(ms: number, options?: { readonly cancel?: boolean }): SqlRaw;
  then(resolved: (result: unknown) => void, rejected: (error: unknown) => void): unknown;
}

/** The part of Knex' client that hands out connections of the pool. */
export interface KnexClient {
  /** `better-sqlite3`, `sqlite3`, `pg`, `mysql2`… */
  readonly driverName: string;
  acquireConnection(): Promise<object>;
  releaseConnection(connection: object): Promise<unknown>;
}

/** Whether a value is a Knex instance with a client that has a pool. */
export function isKnex(given: unknown): given is SqlKnex & { readonly client: KnexClient } {
  if (typeof given !== 'function' || !('client' in given) || !('raw' in given)) return false;
  const { client } = given as unknown as { readonly client: Partial<KnexClient> | undefined };
  return (
    typeof client?.driverName === 'string' &&
    typeof client.acquireConnection === 'function' &&
    typeof client.releaseConnection === 'function'
  );
}

/** Whether a Knex instance is a transaction. */
export function isTransaction(knex: SqlKnex): boolean {
  return (knex as { readonly isTransaction?: unknown }).isTransaction === true;
}
