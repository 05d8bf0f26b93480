import type { Builder, Clause } from './knex-client.ts';
import { writtenPaths } from './sql-text.ts';

/** The name of a table, and its schema if the statement names one. */
export interface TableName {
  readonly name: string;
  readonly schema?: string | undefined;
}

/** What a builder's statements write. */
export interface Written {
  /** Undefined: it may be any. */
  readonly tables: readonly TableName[] | undefined;
  /** What happens to the rows, if there is one table only; `other` where nobody tells which they are. */
  readonly kind: 'insert' | 'update' | 'delete' | 'other';
  /** Whether rows that others refer to may be deleted. */
  readonly isDeletion: boolean;
}

/** Methods of a query builder that write nothing by themselves. */
const READS: ReadonlySet<string> = new Set(['select', 'first', 'pluck', 'columnInfo']);
const KINDS: ReadonlyMap<string, Written['kind']> = new Map([
  ['insert', 'insert'],
  ['update', 'update'],
  ['del', 'delete'],
]);
/** Methods of a schema builder that change nothing that a page may show. */
const HARMLESS =
  /^(?:has(?:Table|Column)|create(?:Table|TableIfNotExists|TableLike|Schema|SchemaIfNotExists|Extension|ExtensionIfNotExists|View|MaterializedView))$/;

const ANY: Written = { tables: undefined, kind: 'other', isDeletion: true };

/** Returns what a builder writes; undefined if it reads only, and for raw SQL, which is not looked into. */
export function writtenBy(builder: Builder): Written | undefined {
  if (builder._sequence !== undefined) {
    return builder._sequence.every(({ method }) => HARMLESS.test(method)) ? undefined : ANY;
  }
  if (builder._single === undefined || builder._statements === undefined) return undefined;
  const { _method: method = 'select', _single: single } = builder;
  // A common table expression may write.
  const hasOthers = builder._statements.some(({ grouping }) => grouping === 'with');
  if (READS.has(method)) return hasOthers ? inText(builder) : undefined;
  const table = tableName(single.table, single.schema);
  const isDeletion = method !== 'insert' && method !== 'update';
  if (hasOthers || (method === 'insert' && table === undefined)) return inText(builder) ?? ANY;
  const joined = joinedTables(builder);
  if (table === undefined || joined.includes(undefined)) return ANY;
  const kind = KINDS.get(method) ?? 'other';
  return { tables: [table, ...(joined as readonly TableName[])], kind, isDeletion };
}

/** Dialects in which a transaction takes back changes of tables as well, and does not end at them. */
const TRANSACTIONAL: ReadonlySet<string | undefined> = new Set(['postgresql', 'sqlite3', 'mssql']);

/** Whether the database commits a transaction by itself when it gets this: MySQL does so at `TRUNCATE` and at all that defines tables. */
export function commitsByItself({ client, _sequence: sequence = [], _method: method }: Builder): boolean {
  if (TRANSACTIONAL.has(client.dialect)) return false;
  return method === 'truncate' || sequence.some((each) => !each.method.startsWith('has'));
}

/** Finds what a statement writes in its text. */
function inText(builder: Builder): Written | undefined {
  let statements: ReturnType<Builder['toSQL']>;
  try {
    statements = builder.toSQL();
  } catch {
    return undefined; // It cannot be sent either.
  }
  const paths = [statements].flat().flatMap(({ sql }) => writtenPaths(String(sql)));
  if (paths.length === 0) return undefined;
  const tables = paths.map(({ path }) => ({ name: path.at(-1) ?? '', schema: path.at(-2) }));
  return { tables, kind: 'other', isDeletion: true };
}

/** Returns the tables that a statement may write together with its own; undefined for one that has no plain name. */
function joinedTables({ _single: single = {}, _statements: statements = [] }: Builder): (TableName | undefined)[] {
  const joins = statements.filter(({ grouping }) => grouping === 'join');
  const more = [single.using, single.updateFrom].flat().filter((table) => table !== undefined && table !== null);
  return [
    ...joins.map(({ table, schema }) => tableName(table, schema)),
    ...more.map((table) => tableName(table, single.schema)),
  ];
}

/** Reads a table as sites name it: `blog.comments as c`, `{ c: 'comments' }`, `knex.ref('comments')`. */
function tableName(table: unknown, schema: string | undefined): TableName | undefined {
  if (typeof table === 'string') {
    const path = table.split(/\s+as\s+/i)[0]?.trim() ?? '';
    const dot = path.lastIndexOf('.');
    const name = path.slice(dot + 1);
    // `comments (text, articleId)`
    if (!/^[^\s(),]+$/.test(name)) return undefined;
    return { name, schema: dot === -1 ? schema : path.slice(0, dot) };
  }
  if (typeof table !== 'object' || table === null) return undefined;
  if (isRaw(table)) return typeof table.ref === 'string' ? tableName(table.ref, table._schema ?? schema) : undefined;
  const [aliased, ...others] = Object.values(table);
  return typeof aliased === 'string' && others.length === 0 ? tableName(aliased, schema) : undefined;
}

/** One row's key: a value for each of its columns. */
export type Key = readonly (string | number | bigint)[];

/**
 * Returns the keys that the conditions of an UPDATE or DELETE name; undefined if it may meet others. Each may meet a row or none.
 *
 * @param columns the columns of the key
 */
export function keysNamed(builder: Builder, columns: readonly string[]): readonly Key[] | undefined {
  const conditions = (builder._statements ?? []).filter(({ grouping }) => grouping === 'where');
  if (columns.length === 0 || !conditions.every(restricts)) return undefined;
  const values = columns.map((column) => conditions.flatMap((condition) => valuesOf(condition, column) ?? []));
  if (values.some((list) => list.length === 0)) return undefined;
  const [only = [], ...others] = values;
  if (others.length === 0) return only.map((value) => [value]);
  // Of a key of several columns one row at most.
  return values.every((list) => list.length === 1) ? [values.flat()] : undefined;
}

/** Kinds of conditions that stand for themselves, whatever is in them. */
const CLOSED: ReadonlySet<string> = new Set(['whereWrapped', 'whereExists']);

/** Whether a condition only makes fewer rows match. Raw SQL in it may have an OR that reaches further. */
function restricts({ type = '', bool, column, value }: Clause): boolean {
  if (bool !== 'and') return false;
  if (CLOSED.has(type)) return true;
  const isName = columnName(column) !== undefined || [column].flat().every((each) => typeof each === 'string');
  return isName && ![value].flat().some((each) => isRaw(each) && columnName(each) === undefined);
}

/** The values that a condition leaves to a column; undefined if it says nothing of it. */
function valuesOf(clause: Clause, column: string): Key | undefined {
  const { type, not, asColumn, operator, value } = clause;
  if (not || asColumn || columnName(clause.column) !== column) return undefined;
  const isOne = type === 'whereBasic' && operator === '=';
  if (!isOne && type !== 'whereIn') return undefined;
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.every(isKeyValue) ? values : undefined;
}

/** Reads the name of a column as sites and Objection write it: a string, `knex.ref('id')`, `knex.raw('??', ['id'])`. */
function columnName(column: unknown): string | undefined {
  const name = isRaw(column) ? (column.ref ?? (column.sql === '??' ? [column.bindings].flat()[0] : undefined)) : column;
  return typeof name === 'string' ? name.slice(name.lastIndexOf('.') + 1) : undefined;
}

interface Raw {
  readonly isRawInstance: true;
  readonly sql?: unknown;
  readonly bindings?: unknown;
  /** Of `knex.ref()`. */
  readonly ref?: unknown;
  readonly _schema?: string | null;
}

function isRaw(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && 'isRawInstance' in value;
}

export function isKeyValue(value: unknown): value is Key[number] {
  return ['string', 'number', 'bigint'].includes(typeof value);
}

/** Whether an UPDATE sets one of the columns, whose names SQLite and MySQL take in any case. */
export function setsOneOf({ _single: single = {} }: Builder, columns: readonly string[]): boolean {
  const names = [...Object.keys(single.update ?? {}), ...Object.keys(single.counter ?? {})];
  const set = new Set(names.map((name) => name.slice(name.lastIndexOf('.') + 1).toLowerCase()));
  return columns.some((column) => set.has(column.toLowerCase()));
}
