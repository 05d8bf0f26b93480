import { isUtf8 } from 'node:buffer';
import { isSound, type StoredView } from './sound-view.ts';

export type { StoredView } from './sound-view.ts';

/** What is known of all views of one address. */
export interface AddressRecord {
  /** Names of all that handlers were seen to read. */
  readonly reads: readonly string[];
  /** Digests of the values with which views were stored. */
  readonly stored: readonly string[];
}

/** Writes a view as a line of JSON and the body; bytes that are not UTF-8 become base64. */
export function writeView({ body, ...rest }: StoredView): string {
  const isText = isUtf8(body);
  return `${JSON.stringify({ ...rest, text: isText })}\n${body.toString(isText ? 'utf8' : 'base64')}`;
}

export function writeRecord(record: AddressRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** Most names in a record. */
const MAX_NAMES = 100;
/** A name, or a digest, in a record. */
const WORD = /^\P{Cc}{1,500}$/u;

function areWords(values: unknown): values is string[] {
  return Array.isArray(values) && values.length <= MAX_NAMES && values.every((value) => WORD.test(String(value)));
}

/** Reads what {@link writeView} or {@link writeRecord} wrote; undefined for anything else. */
export function readView(text: string): StoredView | AddressRecord | undefined {
  const end = text.indexOf('\n');
  try {
    const head = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
    const { reads, stored, status, headers, removed, etag, created, age } = head;
    if (reads !== undefined) return areWords(reads) && areWords(stored) ? { reads, stored } : undefined;
    const body = Buffer.from(text.slice(end + 1), head.text === true ? 'utf8' : 'base64');
    const view = { status, headers, removed, etag, created, age, body };
    return isSound(view) ? view : undefined;
  } catch {
    return undefined;
  }
}
