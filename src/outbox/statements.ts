import { randomBytes } from 'node:crypto';
import { EVERYTHING } from '../model/names.ts';

/** Name of the outbox table, unless the option names another. */
export const DEFAULT_TABLE = 'cachesweeper_outbox';

/** Rows that are read at once. */
export const BATCH = 1_000;

/** Limit of a row's text, in characters: a TEXT of MySQL holds 65,535 bytes. A longer list of names becomes `*`. */
const MAX_TEXT = 60_000;

/**
 * `saved`: written in the transaction of a save, so that whoever sees it knows that the save is committed. `saving`: written before
 * a save outside of a transaction, which may not be over.
 */
export type RowKind = 'saved' | 'saving';

/** Returns a new id. Ids begin with the kind, so that reading in their order gives `saved` rows first, the oldest in front. */
export function newId(kind: RowKind): string {
  return `${kind}-${Date.now().toString(36).padStart(9, '0')}-${randomBytes(12).toString('hex')}`;
}

export function kindOf(id: string): RowKind {
  return id.startsWith('saving-') ? 'saving' : 'saved';
}

/**
 * The statements on one outbox table, for the rows of one site: sites that share a database have tokens of their own. They have no parameters, and no character in them means anything to a database or a driver
 * (`'`, `\`, `?`, `$`), so that every client can send them as they are.
 */
export class Statements {
  readonly #table: string;
  readonly #site: string;

  /** @param site namespace and version, of letters, digits, `_`, `.`, `-` and `:` */
  constructor(table: string, site: string) {
    this.#table = table;
    // MySQL compares texts without their case, and the rows of `Blog` are not those of `blog`.
    this.#site = site.replace(/[A-Z]/g, (letter) => `^${letter.toLowerCase()}`);
  }

  get create(): string {
    const columns = 'site VARCHAR(150) NOT NULL, id VARCHAR(64) NOT NULL, names TEXT NOT NULL, PRIMARY KEY (site, id)';
    return `CREATE TABLE IF NOT EXISTS ${this.#table} (${columns})`;
  }

  /** @param after id of the last row of the batch before; empty for the first batch */
  select(after: string): string {
    return `SELECT id, names FROM ${this.#table} WHERE site = '${this.#site}' AND id > '${after}' ORDER BY id LIMIT ${BATCH}`;
  }

  insert(id: string, names: Iterable<string>): string {
    return `INSERT INTO ${this.#table} (site, id, names) VALUES ('${this.#site}', '${id}', '${encode(names)}')`;
  }

  remove(ids: readonly string[]): string {
    return `DELETE FROM ${this.#table} WHERE site = '${this.#site}' AND id IN (${ids.map((id) => `'${id}'`).join(', ')})`;
  }
}

/** Returns names as the text of a row: `Comment:=7 Comment:*`. */
function encode(names: Iterable<string>): string {
  let text = '';
  try {
    for (const name of names) {
      text += `${text === '' ? '' : ' '}${encodeName(name)}`;
      if (text.length > MAX_TEXT) return EVERYTHING;
    }
    return text;
  } catch {
    // Half of a surrogate pair cannot be written, and another name would not be bumped.
    return EVERYTHING;
  }
}

/** Names can be read in the table as far as possible. */
function encodeName(name: string): string {
  return encodeURIComponent(name)
    .replaceAll("'", '%27')
    .replaceAll('%3A', ':')
    .replaceAll('%3D', '=')
    .replaceAll('%40', '@');
}

/** Returns the names in a row's text; everything if it cannot be read. */
export function decode(text: unknown): readonly string[] {
  try {
    return String(text).split(' ').map(decodeURIComponent);
  } catch {
    return [EVERYTHING];
  }
}
