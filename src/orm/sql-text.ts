/** What a foreign key says of the rows that refer to one that is deleted or gets another key. */
export type Action = 'onDelete' | 'onUpdate';

/** A table that a statement writes. */
export interface WrittenPath {
  /** The table's name, with its schema if the statement names one, without quotes. */
  readonly path: readonly string[];
  /** What may have happened to rows that others refer to. */
  readonly action: Action | undefined;
}

const NAME = '(?:"[^"]+"|`[^`]+`|\\[[^\\]]+\\]|[\\w$#@]+)';
const NAMES = new RegExp(NAME, 'g');
/** The start of a writing statement, wherever it stands: dialects put others in front of it (`WITH`, `DECLARE`). */
const WRITE = new RegExp(
  '\\b(?:(delete\\s+from|truncate\\s+table|truncate)|(update)|(?:insert|replace|upsert|merge)(?:\\s+\\w+)*?\\s+into)' +
    `(?:\\s+only)?\\s+(${NAME}(?:\\s*\\.\\s*${NAME})*)`,
  'gi',
);
/** What makes an insert an upsert, which may change what others refer to. */
const UPSERT = /\b(?:do|key)\s+update\b|^\s*(?:upsert|merge)\b/i;

/** Finds the tables that a statement of a query builder writes, whose values are not in its text. */
export function writtenPaths(sql: string): readonly WrittenPath[] {
  const isUpsert = UPSERT.test(sql);
  return Array.from(sql.matchAll(WRITE), ([, deletion, update, path = '']) => ({
    path: namesIn(path),
    action: deletion !== undefined ? 'onDelete' : update !== undefined || isUpsert ? 'onUpdate' : undefined,
  }));
}

/** Splits the path of a table into its names, without quotes. */
export function namesIn(path: string): readonly string[] {
  return (path.match(NAMES) ?? []).map((part) => part.replace(/^["`[]|["`\]]$/g, ''));
}
