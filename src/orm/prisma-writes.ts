import { partialRow } from '../model/partial-row.ts';
import type { DataModel, Followers } from './prisma-schema.ts';
import type { Write } from './save-hook.ts';

/** One call of a model's method. */
export interface ModelCall {
  readonly model: string;
  readonly operation: string;
  readonly args: Row;
  readonly result: unknown;
}

export type Row = Readonly<Record<string, unknown>>;

/** Returns the field that holds a model's id; undefined for ids of several fields. */
export type IdField = (model: string) => string | undefined;

/** The writing operations. `rows`: the result is the written rows. `count`: it is only their number. */
const WRITES: ReadonlyMap<string, 'rows' | 'count'> = new Map([
  ['create', 'rows'],
  ['createMany', 'count'],
  ['createManyAndReturn', 'rows'],
  ['update', 'rows'],
  ['updateMany', 'count'],
  ['updateManyAndReturn', 'rows'],
  ['upsert', 'rows'],
  ['delete', 'rows'],
  ['deleteMany', 'count'],
]);

export function isWrite(operation: string): boolean {
  return WRITES.has(operation);
}

/**
 * Returns all that one call wrote: rows of its model, rows that its `data` reaches through relations, and those that the
 * database changes because of these (`onDelete`, `onUpdate`).
 */
export function writesOf(call: ModelCall, dataModel: DataModel, idField: IdField, followers: Followers): Write[] {
  const { model, operation, args } = call;
  const writes: Write[] = [{ model, modelClass: undefined, rows: topRows(call, dataModel, idField) }];
  const found = new Set<string>();
  const follow = (of: string, field?: string) => {
    for (const each of followers.of(of, field)) found.add(each);
  };
  for (const part of [args.data, args.create, args.update]) nested(part, model, dataModel, idField, writes, follow);
  if (operation.startsWith('delete')) follow(model);
  if (operation.startsWith('up')) {
    const where = args.where as Row | undefined;
    const changes = operation === 'upsert' ? args.update : args.data;
    for (const key of keysOf(changes)) if (where?.[key] !== (changes as Row)[key]) follow(model, key);
  }
  return [...writes, ...Array.from(found, (each) => ({ model: each, modelClass: undefined, rows: undefined }))];
}

function topRows(
  { model, operation, args, result }: ModelCall,
  { models }: DataModel,
  idField: IdField,
): Write['rows'] {
  if (WRITES.get(operation) !== 'rows') return undefined;
  const id = idField(model);
  const fields = models[model]?.fields ?? [];
  const scalars = fields.filter(({ kind }) => kind !== 'object').map(({ name }) => name);
  const changed = keysOf(operation === 'upsert' ? args.update : args.data);
  // The client does not know which attributes hold a relation's foreign key, so any of them may have changed.
  const changesRelation = changed.some((key) => fields.some(({ name, kind }) => name === key && kind === 'object'));
  const rows = [];
  for (const row of Array.isArray(result) ? result : [result]) {
    const now = { ...pick(row, scalars) };
    if (id !== undefined) now[id] ??= (args.where as Row | undefined)?.[id];
    if (id !== undefined && now[id] === undefined) return undefined;
    const known = scalars.every((name) => name in now) ? now : partialRow(now);
    if (operation.startsWith('create') || operation === 'delete') {
      rows.push({ now: known });
      continue;
    }
    if (id !== undefined && changed.includes(id) && (args.where as Row | undefined)?.[id] === undefined)
      return undefined;
    const kept = changesRelation ? [] : Object.keys(now).filter((name) => !changed.includes(name));
    const before = pick(now, kept);
    if (id !== undefined) before[id] = changed.includes(id) ? (args.where as Row)[id] : now[id];
    rows.push({ now: known, previous: partialRow(before) });
  }
  return rows;
}

/** Adds the models whose rows follow a change of a model's field, or a deletion. */
type Follow = (model: string, field?: string) => void;

/** Walks the data of a write, because Prisma also writes the relations in it and reports only the top rows. */
function nested(
  data: unknown,
  model: string,
  dataModel: DataModel,
  idField: IdField,
  writes: Write[],
  follow: Follow,
): void {
  if (Array.isArray(data)) {
    for (const each of data) nested(each, model, dataModel, idField, writes, follow);
    return;
  }
  for (const [key, value] of Object.entries(isObject(data) ? data : {})) {
    const field = dataModel.models[model]?.fields.find(({ name }) => name === key);
    if (field === undefined) {
      // `create`, `data`, `update` and the like of a relation contain data of the same model.
      nested(value, model, dataModel, idField, writes, follow);
    } else if (field.kind === 'object' && dataModel.models[field.type] !== undefined) {
      relation(value, field.type, dataModel, idField, writes, follow);
    }
  }
}

function relation(
  value: unknown,
  model: string,
  dataModel: DataModel,
  idField: IdField,
  writes: Write[],
  follow: Follow,
): void {
  for (const [operation, what] of Object.entries(isObject(value) ? value : {})) {
    if (what === undefined) continue;
    const rows = operation === 'connect' ? connected(what, idField(model)) : undefined;
    writes.push({ model, modelClass: undefined, rows });
    if (operation.startsWith('delete')) follow(model);
    if (operation.startsWith('up')) for (const { name } of dataModel.models[model]?.fields ?? []) follow(model, name);
    nested(what, model, dataModel, idField, writes, follow);
  }
}

/** Returns rows that are named by their ids; their other attributes are unknown. Undefined if an id is missing. */
function connected(what: unknown, id: string | undefined): Write['rows'] {
  const all = Array.isArray(what) ? what : [what];
  const named = all.every((each) => id !== undefined && isObject(each) && isScalar(each[id]));
  return named ? all.map((each) => ({ now: partialRow({ [id as string]: each[id as string] }) })) : undefined;
}

function keysOf(data: unknown): readonly string[] {
  return (Array.isArray(data) ? data : [data]).flatMap((each) => (isObject(each) ? Object.keys(each) : []));
}

function pick(row: unknown, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.filter((name) => isObject(row) && name in row).map((name) => [name, (row as Row)[name]]),
  );
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'bigint'].includes(typeof value);
}

function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null;
}
