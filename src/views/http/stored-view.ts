import { isUtf8 } from 'node:buffer';
import type { Entry } from '../../cache/entry.ts';
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
  const isText = typeof body === 'string' || isUtf8(body);
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

/** What the entries of this process hold, so that it is read and checked once. Bytes are not kept twice. */
const known = new WeakMap<Pick<Entry, 'html'>, StoredView | AddressRecord>();

/** Returns what an entry holds; undefined if this package cannot have stored it. */
export function viewOf(entry: Pick<Entry, 'html'>): StoredView | AddressRecord | undefined {
  const before = known.get(entry);
  if (before !== undefined) return before;
  const view = readView(entry.html);
  if (view !== undefined && !('body' in view && view.body instanceof Buffer)) known.set(entry, view);
  return view;
}

/** Reads what {@link writeView} or {@link writeRecord} wrote; undefined for anything else. */
export function readView(text: string): StoredView | AddressRecord | undefined {
  const end = text.indexOf('\n');
  try {
    const head = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
    const { reads, stored, status, headers, removed, etag, created, age } = head;
    if (reads !== undefined) return areWords(reads) && areWords(stored) ? { reads, stored } : undefined;
    const rest = text.slice(end + 1);
    // Text stays text: Node sends it together with the head.
    const body = head.text === true ? rest : Buffer.from(rest, 'base64');
    const view = { status, headers, removed, etag, created, age, body, bytes: Buffer.byteLength(body) };
    return isSound(view) ? view : undefined;
  } catch {
    return undefined;
  }
}
