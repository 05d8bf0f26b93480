import { MISSING } from '../lookups.ts';
import type { Kind, Lookup } from '../store.ts';
import type { KeptRows } from './kept-rows.ts';

/** One row of a result. Names of columns are single lower-case words, so that a site's `postProcessResponse` leaves them alone. */
export type Row = Readonly<Record<string, unknown>>;

/** A connection of the pool, with no transaction open: each statement is committed by itself. */
export interface SqlConnection {
  query(sql: string, bindings?: readonly unknown[]): Promise<readonly Row[]>;
  /**
   * Returns rows of a table of its main file that it has read before and that are still so; undefined for a database that does not tell.
   */
  kept?(table: string): Promise<KeptRows>;
}

/** Thrown by {@link SqlConnection.query} for a statement that was given up: whether it is carried out is not known. */
export class StatementTimeout extends Error {}

/** A row to be written. `life` is in milliseconds. */
export interface SqlItem {
  readonly key: string;
  readonly value: Uint8Array;
  readonly life: number;
}

export interface SqlWrite {
  /** Sorted by key, each once, so that two batches cannot wait for each other. */
  readonly items: readonly SqlItem[];
  /** Write only where there is no row, or one that has expired. */
  readonly isAdd: boolean;
  /** The database's time, in milliseconds since 1970, from which on nothing is written. */
  readonly deadline: number;
  /** Milliseconds that may be waited for locks. */
  readonly patience: number;
}

/** Result of reading. */
export interface SqlRead {
  /** One for each key, in their order. */
  readonly lookups: readonly Lookup[];
  /** The database's time, in milliseconds since 1970. */
  readonly now: number;
}

/** What is removed first where there is too much. The claim of the process that removes it expires soon, and is empty: it stays. */
export const FIRST = 'WHERE size > 0 ORDER BY expires';

/**
 * What differs between databases. A row counts as absent when it has expired, and when it was written in another *epoch*: an
 * epoch ends whenever the database may have lost what it had committed, and would give older values back.
 */
export interface Dialect {
  /** Statements that make the table, for who may do so. They do no harm when it is there. */
  readonly schema: readonly string[];
  /** @throws Error if the table cannot be used */
  read(connection: SqlConnection, kind: Kind, keys: readonly string[]): Promise<SqlRead>;
  /** Returns the keys of what was written; undefined if that is not known. */
  write(connection: SqlConnection, write: SqlWrite): Promise<ReadonlySet<string> | undefined>;
  /** Removes rows that count as absent, `limit` at most; returns how many. */
  removeAbsent(connection: SqlConnection, limit: number): Promise<number>;
  /** Removes the rows that would expire first. */
  removeFirst(connection: SqlConnection, limit: number): Promise<number>;
  /** Counts all rows, and the bytes of their values. */
  measure(connection: SqlConnection): Promise<{ readonly rows: number; readonly bytes: number }>;
  /** Whether an error says that others were in the way (locks, deadlocks), and nothing was written. */
  isBusy(error: unknown): boolean;
}

/** Puts the kind in front of the key, so that a token and an entry of one key are two rows. */
export function storedKey(kind: Kind, key: string): string {
  return kind === 'token' ? `t:${key}` : `e:${key}`;
}

/** What rows say of some keys, in the columns `k` and `value`; `k` is null in a row of another purpose. */
export function lookupsOf(kind: Kind, keys: readonly string[], rows: readonly Row[]): readonly Lookup[] {
  const found = new Map<string, Lookup>();
  for (const { k, value } of rows) if (k !== null) found.set(String(k), { state: 'found', value: value as Uint8Array });
  return keys.map((key) => found.get(storedKey(kind, key)) ?? MISSING);
}

/** Returns the field of an error that drivers put codes in. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** Quotes a name, with or without a schema. */
export function quoted(name: string, quote: string): string {
  return name
    .split('.')
    .map((part) => quote + part + quote)
    .join('.');
}
