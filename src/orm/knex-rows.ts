import type { Builder } from './knex-client.ts';
import type { KnexModels, Table } from './knex-models.ts';
import { isKeyValue, type Key, keysNamed, setsOneOf, type Written } from './knex-statements.ts';
import type { SaveHook } from './save-hook.ts';
import { MAX_BULK_ROWS, type WrittenRow } from './write.ts';

type Row = Readonly<Record<string, unknown>>;

/** The rows that a statement writes, as far as they can be told one by one. */
export interface WrittenRows {
  /** Reads what is needed of them before the statement is sent. */
  before(): Promise<void>;
  /** Returns them after it was sent; undefined if they are not known. */
  after(result: unknown): Promise<readonly WrittenRow[] | undefined>;
}

/** Returns the rows that a statement writes in one table; undefined if nobody knows which they are. */
export function rowsWritten(
  builder: Builder,
  kind: Written['kind'],
  table: Table,
  models: KnexModels,
  bulk: SaveHook['bulk'],
): WrittenRows | undefined {
  const toRow = (row: Row) => models.row(table, row);
  if (kind === 'insert') return inserted(builder, table, toRow);
  if (kind === 'other') return undefined;
  // Nobody finds a row again whose key has changed.
  if (table.key.length === 0 || (kind === 'update' && setsOneOf(builder, table.key))) {
    return undefined;
  }
  const keys = keysNamed(builder, table.key);
  if (keys === undefined && bulk === 'type') return undefined;
  if (keys !== undefined && keys.length > MAX_BULK_ROWS) return undefined;
  let previous: readonly Row[] | undefined;
  return {
    async before() {
      const rows = keys === undefined ? await matching(builder) : await withKeys(builder, table, keys);
      if (rows.length <= MAX_BULK_ROWS && rows.every((row) => hasKey(row, table))) previous = rows;
    },
    async after() {
      if (previous === undefined) return undefined;
      const named = keys ?? previous.map((row) => keyOf(row, table));
      const before = byKey(previous, table);
      const now = byKey(kind === 'update' ? await withKeys(builder, table, named) : [], table);
      const texts = new Map([...before.keys(), ...now.keys()].map((text) => [text, undefined]));
      const rows = Array.from(texts.keys(), (text) => written(before.get(text), now.get(text), toRow));
      // Another connection may have inserted or deleted these meanwhile.
      const missing = named.filter((key) => !texts.has(textOf(key)));
      return [...rows, ...missing.map((key) => ({ now: toRow(rowOf(key, table)), comesOrGoes: true }))];
    },
  };
}

function written(before: Row | undefined, now: Row | undefined, toRow: (row: Row) => object): WrittenRow {
  const known = now ?? before ?? {};
  return { now: toRow(known), previous: before && toRow(before), comesOrGoes: now === undefined };
}

/** The rows of an INSERT are those that it has, or gives back, with their keys. */
function inserted(builder: Builder, table: Table, toRow: (row: Row) => object): WrittenRows {
  const { insert, merge, returning } = builder._single ?? {};
  return {
    async before() {},
    async after(result) {
      // An upsert changes rows that were there, by whatever is unique in them.
      if (merge !== undefined || table.key.length === 0) return undefined;
      const rows = literalRows(insert);
      if (rows === undefined) return undefined;
      const all = returning === undefined ? await withNewId(builder, table, rows, result) : withReturned(rows, result);
      if (all === undefined || !all.every((row) => hasKey(row, table))) return undefined;
      return all.map((row) => ({ now: toRow(row), comesOrGoes: true }));
    },
  };
}

/** The values of rows, without those that the database computes. */
function literalRows(insert: unknown): readonly Row[] | undefined {
  const rows: readonly unknown[] = Array.isArray(insert) ? insert : [insert];
  if (rows.length > MAX_BULK_ROWS) return undefined;
  const known: Row[] = [];
  for (const row of rows) {
    if (typeof row !== 'object' || row === null || Array.isArray(row) || 'toSQL' in row) return undefined;
    known.push(Object.fromEntries(Object.entries(row).filter(([, value]) => isLiteral(value))));
  }
  return known;
}

function isLiteral(value: unknown): boolean {
  if (value === undefined || typeof value === 'function') return false;
  return typeof value !== 'object' || value === null || !('toSQL' in value);
}

/** The database need not give rows back in the order in which they were inserted. */
function withReturned(rows: readonly Row[], result: unknown): readonly Row[] | undefined {
  if (!Array.isArray(result) || !result.every((row) => typeof row === 'object' && row !== null)) return undefined;
  const returned = result as readonly Row[];
  return rows.length === 1 ? returned.map((row) => ({ ...rows[0], ...row })) : returned;
}

/** SQLite and MySQL give the number of one row that was inserted, which need not be its key. */
async function withNewId(
  builder: Builder,
  table: Table,
  rows: readonly Row[],
  result: unknown,
): Promise<readonly Row[] | undefined> {
  if (rows.every((row) => hasKey(row, table))) return rows;
  const [id, ...others]: unknown[] = Array.isArray(result) ? result : [];
  if (rows.length !== 1 || others.length > 0 || table.key.length !== 1 || !isKeyValue(id) || Number(id) <= 0)
    return undefined;
  const found = await withKeys(builder, table, [[id]]);
  return found.length === 1 ? found : undefined;
}

/** Reads the rows that an UPDATE or DELETE is about to meet, up to one more than are told one by one. */
async function matching(builder: Builder): Promise<readonly Row[]> {
  const read = builder.clone();
  read._method = 'select';
  for (const what of ['update', 'counter', 'returning'] as const) delete read._single?.[what];
  return rowsIn(await read.select('*').limit(MAX_BULK_ROWS + 1));
}

async function withKeys(builder: Builder, { key }: Table, keys: readonly Key[]): Promise<readonly Row[]> {
  const [column = ''] = key;
  if (keys.length === 0) return [];
  const read = reading(builder);
  if (key.length === 1) return rowsIn(await read.whereIn(column, keys.flat()));
  const conditions = keys.map((values) => Object.fromEntries(key.map((name, i) => [name, values[i]])));
  return rowsIn(
    await read.where(function () {
      for (const condition of conditions) this.orWhere(condition);
    }),
  );
}

/** A query of the same table, where the statement is sent. */
function reading({ client, _single: single = {}, _connection, _queryContext }: Builder): Builder {
  const read = client.queryBuilder().select('*').from(single.table);
  if (single.schema !== undefined) read.withSchema(single.schema);
  if (_connection !== undefined) read.connection(_connection);
  if (_queryContext !== undefined) read.queryContext(_queryContext);
  return read;
}

function rowsIn(result: unknown): readonly Row[] {
  return Array.isArray(result) ? result : [];
}

function hasKey(row: Row, { key }: Table): boolean {
  return key.every((name) => isKeyValue(row[name]));
}

function keyOf(row: Row, { key }: Table): Key {
  return key.map((name) => row[name] as Key[number]);
}

function rowOf(key: Key, table: Table): Row {
  return Object.fromEntries(table.key.map((name, i) => [name, key[i]]));
}

function textOf(key: Key): string {
  return JSON.stringify(key.map(String));
}

function byKey(rows: readonly Row[], table: Table): ReadonlyMap<string, Row> {
  return new Map(rows.map((row) => [textOf(keyOf(row, table)), row]));
}
