import { partialRow } from '../model/partial-row.ts';
import { type KeyFields, keyIn } from './prisma-keys.ts';
import type { DataModel, Followers } from './prisma-schema.ts';
import type { Write } from './write.ts';

/** One call of a model's method. */
export interface ModelCall {
  readonly model: string;
  readonly operation: string;
  readonly args: Row;
  readonly result: unknown;
}

export type Row = Readonly<Record<string, unknown>>;

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
export function writesOf(call: ModelCall, dataModel: DataModel, keyFields: KeyFields, followers: Followers): Write[] {
  const { model, operation, args } = call;
  const writes: Write[] = [{ model, modelClass: undefined, rows: topRows(call, dataModel, keyFields) }];
  const found = new Set<string>();
  const follow = (of: string, field?: string) => {
    for (const each of followers.of(of, field)) found.add(each);
  };
  for (const part of [args.data, args.create, args.update]) nested(part, model, dataModel, keyFields, writes, follow);
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
  keyFields: KeyFields,
): Write['rows'] {
  if (WRITES.get(operation) !== 'rows') return undefined;
  const key = keyFields(model);
  const fields = models[model]?.fields ?? [];
  const scalars = fields.filter(({ kind }) => kind !== 'object').map(({ name }) => name);
  const changed = keysOf(operation === 'upsert' ? args.update : args.data);
  // The client does not know which attributes hold a relation's foreign key, so any of them may have changed.
  const changesRelation = changed.some((name) =>
    fields.some((field) => field.name === name && field.kind === 'object'),
  );
  const changesKey = key.some((field) => changed.includes(field));
  // Of an upsert nobody knows whether the row was there.
  const asked =
    operation === 'upsert' ? undefined : keyIn(args.where, key, (name) => fields.some((field) => field.name === name));
  const rows = [];
  for (const row of Array.isArray(result) ? result : [result]) {
    const now = { ...pick(row, scalars) };
    // What was selected may leave out the key.
    for (const field of key) if (!changesKey) now[field] ??= asked?.[field];
    if (key.some((field) => now[field] === undefined)) return undefined;
    const known = scalars.every((name) => name in now) ? now : partialRow(now);
    if (operation.startsWith('create') || operation === 'delete') {
      rows.push({ now: known, comesOrGoes: operation === 'delete' });
      continue;
    }
    if (changesKey && asked === undefined) return undefined;
    const kept = changesRelation ? [] : Object.keys(now).filter((name) => !changed.includes(name));
    const before = pick(now, kept);
    for (const field of key) before[field] = changesKey ? asked?.[field] : now[field];
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
  keyFields: KeyFields,
  writes: Write[],
  follow: Follow,
): void {
  if (Array.isArray(data)) {
    for (const each of data) nested(each, model, dataModel, keyFields, writes, follow);
    return;
  }
  for (const [key, value] of Object.entries(isObject(data) ? data : {})) {
    const field = dataModel.models[model]?.fields.find(({ name }) => name === key);
    if (field === undefined) {
      // `create`, `data`, `update` and the like of a relation contain data of the same model.
      nested(value, model, dataModel, keyFields, writes, follow);
    } else if (field.kind === 'object' && dataModel.models[field.type] !== undefined) {
      relation(value, field.type, dataModel, keyFields, writes, follow);
    }
  }
}

function relation(
  value: unknown,
  model: string,
  dataModel: DataModel,
  keyFields: KeyFields,
  writes: Write[],
  follow: Follow,
): void {
  const fields = dataModel.models[model]?.fields ?? [];
  for (const [operation, what] of Object.entries(isObject(value) ? value : {})) {
    if (what === undefined) continue;
    const rows = operation === 'connect' ? connected(what, keyFields(model), fields) : undefined;
    writes.push({ model, modelClass: undefined, rows });
    if (operation.startsWith('delete')) follow(model);
    if (operation.startsWith('up')) for (const { name } of fields) follow(model, name);
    nested(what, model, dataModel, keyFields, writes, follow);
  }
}

/** Returns rows that are named by their keys; their other attributes are unknown. Undefined if a key is missing. */
function connected(what: unknown, key: readonly string[], fields: readonly { readonly name: string }[]): Write['rows'] {
  const isField = (name: string) => fields.some((field) => field.name === name);
  const named = (Array.isArray(what) ? what : [what]).map((each) => keyIn(each, key, isField));
  return named.every((each) => each !== undefined) ? named.map((each) => ({ now: partialRow(each) })) : undefined;
}

function keysOf(data: unknown): readonly string[] {
  return (Array.isArray(data) ? data : [data]).flatMap((each) => (isObject(each) ? Object.keys(each) : []));
}

function pick(row: unknown, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.filter((name) => isObject(row) && name in row).map((name) => [name, (row as Row)[name]]),
  );
}

function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null;
}
