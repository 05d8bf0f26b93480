import type { DataSource, EntityMetadata } from 'typeorm';
import { type Action, namesIn, writtenPaths } from './sql-text.ts';

type ColumnMetadata = EntityMetadata['columns'][number];

/** What one statement wrote: the models of its tables, and what may have happened to rows that others refer to. */
export interface TableWrite {
  readonly metadata: EntityMetadata;
  readonly action: Action | undefined;
}

/** Most queries are these, and write nothing. */
const READ = /^\s*(?:\/\*[\s\S]*?\*\/\s*)*select\b/i;

/** Finds the models that a statement of TypeORM's query builders writes, by the names of their tables. */
export class Tables {
  readonly #byPath = new Map<string, EntityMetadata[]>();
  readonly #byName = new Map<string, EntityMetadata[]>();

  constructor(metadatas: readonly EntityMetadata[]) {
    for (const metadata of metadatas) {
      add(this.#byPath, metadata.tablePath, metadata);
      add(this.#byName, metadata.tableName, metadata);
    }
  }

  /** Returns the models of a table. Models may share one. A path that is not known counts by its last part. */
  of(path: string): readonly EntityMetadata[] {
    return this.#at(namesIn(path));
  }

  #at(path: readonly string[]): readonly EntityMetadata[] {
    const last = path.at(-1) ?? '';
    return this.#byPath.get(path.join('.').toLowerCase()) ?? this.#byName.get(last.toLowerCase()) ?? [];
  }

  /** Returns what a statement writes; nothing if it only reads, or if its tables belong to no model. */
  writtenBy(sql: string): readonly TableWrite[] {
    if (READ.test(sql)) return [];
    return writtenPaths(sql).flatMap(({ path, action }) =>
      this.#at(path).map((metadata) => ({ metadata, action }) as const),
    );
  }
}

function add(map: Map<string, EntityMetadata[]>, name: string, metadata: EntityMetadata): void {
  const known = map.get(name.toLowerCase());
  if (known === undefined) map.set(name.toLowerCase(), [metadata]);
  else known.push(metadata);
}

/**
 * Returns the models of which the database itself deletes or changes rows when a row of a model is deleted or gets another
 * key, including those that follow from them. The model is one of them if its rows refer to one another.
 *
 * @param changed the columns that were changed; undefined if they are not known
 */
export function goingWith(
  dataSource: DataSource,
  metadata: EntityMetadata,
  action: Action,
  changed?: readonly ColumnMetadata[],
  found: Set<EntityMetadata> = new Set(),
): Set<EntityMetadata> {
  for (const other of dataSource.entityMetadatas) {
    const goes = other.foreignKeys.some(
      ({ referencedEntityMetadata, referencedColumns, [action]: what }) =>
        referencedEntityMetadata.tablePath === metadata.tablePath &&
        /cascade|set/i.test(what ?? '') &&
        (changed === undefined ||
          referencedColumns.some(({ databaseName }) => changed.some((each) => each.databaseName === databaseName))),
    );
    if (!goes || other.isJunction || found.has(other)) continue;
    goingWith(dataSource, other, action, undefined, found.add(other));
  }
  return found;
}

/** A row of a join table is no model. It changes the models that it joins. */
export function modelsOf(metadata: EntityMetadata): readonly EntityMetadata[] {
  if (!metadata.isJunction) return [metadata];
  return metadata.foreignKeys.map(({ referencedEntityMetadata }) => referencedEntityMetadata);
}
