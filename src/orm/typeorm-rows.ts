import type { EntityMetadata } from 'typeorm';
import { isUnknown, markPartial, noteAsked, partialRow, unknownValue } from '../model/partial-row.ts';

export type Row = Record<string, unknown>;
type Relation = EntityMetadata['relations'][number];
type Embedded = EntityMetadata['embeddeds'][number];

/**
 * Returns the row as it is now. The saved object may have only some of its attributes, and may name another row by its
 * object instead of its id.
 */
export function rowNow(metadata: EntityMetadata, before: Row, saved: Row): Row {
  const now = copyOf(before, metadata.embeddeds);
  for (const part of [...metadata.columns, ...metadata.relations]) {
    const value: unknown = part.getEntityValue(saved);
    if (value !== undefined) holderOf(now, part)[part.propertyName] = value;
  }
  // With `reload: false` nobody has read what the database has set.
  for (const column of before === saved ? [] : metadata.columns.filter(changesAlways)) {
    if (Number(column.getEntityValue(now)) !== Number(column.getEntityValue(before))) continue;
    delete holderOf(now, column)[column.propertyName];
  }
  return partly(metadata, now);
}

function changesAlways({ isVersion, isUpdateDate }: EntityMetadata['columns'][number]): boolean {
  return isVersion || isUpdateDate;
}

/** Returns a row that TypeORM has loaded: all of it but relations, and columns that are not selected. */
export function rowLoaded(metadata: EntityMetadata, row: Row): Row {
  return partly(metadata, copyOf(row, metadata.embeddeds));
}

/** Returns a row of which nothing is known. */
export function anyRow(metadata: EntityMetadata): Row {
  return rowOf(metadata, {});
}

/** Copies a row with the objects that are embedded in it. */
function copyOf(row: Row, embeddeds: readonly Embedded[]): Row {
  const copy: Row = Object.assign(Object.create(Object.getPrototypeOf(row)), row);
  for (const { propertyName, embeddeds: inner } of embeddeds) {
    const value = copy[propertyName];
    if (isObject(value)) copy[propertyName] = copyOf(value, inner);
  }
  return copy;
}

/** Returns the object that holds a column or relation: the row, or what is embedded in it. */
function holderOf(row: Row, { embeddedMetadata }: { readonly embeddedMetadata?: Embedded }): Row {
  let holder = row;
  for (const { propertyName, type } of embeddedMetadata?.embeddedMetadataTree ?? []) {
    const inner = holder[propertyName];
    const made: Row = isObject(inner) ? inner : Object.create(typeof type === 'function' ? type.prototype : null);
    holder[propertyName] = made;
    holder = made;
  }
  return holder;
}

function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null;
}

/** A row of which only some attributes are known. */
function rowOf({ target, relations }: EntityMetadata, known: object): Row {
  const inner: Row = Object.create(typeof target === 'function' ? target.prototype : Object.prototype);
  const row = partialRow(inner) as Row;
  // What is embedded is unknown as a whole.
  for (const relation of relations) if (!relation.embeddedMetadata) related(inner, relation, undefined);
  for (const [name, value] of Object.entries(known)) {
    if (value !== undefined) Object.defineProperty(inner, name, { value, enumerable: true, configurable: true });
  }
  return row;
}

/** Makes what was not loaded of a row unknown instead of absent. */
function partly(metadata: EntityMetadata, row: Row): Row {
  for (const column of metadata.columns) {
    const { propertyName, propertyPath, isVirtual } = column;
    if (isVirtual || metadata.relations.some((relation) => relation.propertyPath === propertyPath)) continue;
    const holder = holderOf(row, column);
    if (holder[propertyName] !== undefined) continue;
    Object.defineProperty(holder, propertyName, {
      get: () => unknownValue(propertyName),
      enumerable: true,
      configurable: true,
    });
  }
  for (const relation of metadata.relations) {
    const loaded: unknown = relation.getEntityValue(row);
    if (loaded === undefined || isIdsOnly(loaded, relation)) related(holderOf(row, relation), relation, loaded);
  }
  return markPartial(row);
}

/** TypeORM takes, and compares, relations as ids or plain objects of ids as well. */
function isIdsOnly(loaded: unknown, { inverseEntityMetadata: { target } }: Relation): boolean {
  const [first] = Array.isArray(loaded) ? loaded : [loaded];
  if (first === undefined || first === null) return false;
  return typeof target === 'function' && !(first instanceof target);
}

/**
 * Defines a relation that was not loaded: rows of its type, known by the foreign key if the row has it.
 *
 * @param of the object that holds it: the row, or what is embedded in it
 */
function related(of: Row, relation: Relation, ids: unknown): void {
  const { inverseEntityMetadata: other, propertyName } = relation;
  const get = (): unknown => {
    if (Array.isArray(ids)) return ids.map((id) => rowOf(other, asObject(id, other)));
    if (ids !== undefined) return rowOf(other, asObject(ids, other));
    if (relation.isOneToMany || relation.isManyToMany) {
      noteAsked(propertyName);
      return [rowOf(other, {})];
    }
    const known: Row = {};
    for (const { propertyName: own, referencedColumn } of relation.joinColumns) {
      const value = own === propertyName || referencedColumn === undefined ? undefined : of[own];
      if (value === null) return null;
      if (value !== undefined && !isUnknown(value) && referencedColumn) known[referencedColumn.propertyName] = value;
    }
    if (Object.keys(known).length < Math.max(1, relation.joinColumns.length)) noteAsked(propertyName);
    return rowOf(other, known);
  };
  Object.defineProperty(of, propertyName, { get, enumerable: true, configurable: true });
}

function asObject(id: unknown, { primaryColumns: [key] }: EntityMetadata): object {
  if (typeof id === 'object' && id !== null) return id;
  return key === undefined ? {} : { [key.propertyName]: id };
}
