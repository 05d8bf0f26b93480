import { isUtf8 } from 'node:buffer';
import { LRUCache } from 'lru-cache';
import type { Entry } from '../../cache/entry.ts';
import { holeBytes, readHoles, writeHoles } from '../../cache/hole.ts';
import { areVariables } from '../../reads/variables.ts';
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
export function writeView({ body, isText: _, open, openHeaders, holes, environment, ...rest }: StoredView): string {
  const isText = isUtf8(body);
  const places =
    open.length + openHeaders.length === 0 ? {} : { open, openHeaders, holes: writeHoles(holes), environment };
  return `${JSON.stringify({ ...rest, ...places, text: isText })}\n${body.toString(isText ? 'utf8' : 'base64')}`;
}

export function writeRecord(record: AddressRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** Most names in a record. */
const MAX_NAMES = 100;
/** A name, or a digest, in a record. */
const WORD = /^\P{Cc}{1,500}$/u;

function areWords(values: unknown): values is string[] {
  const isWord = (value: unknown) => typeof value === 'string' && WORD.test(value);
  return Array.isArray(values) && values.length <= MAX_NAMES && values.every(isWord);
}

/** Bytes of all views that are kept ready to be sent, and of their entries, which may be gone from the memory tier. */
const READY_BYTES = 8 * 1_024 * 1_024;
/** About what the objects of a view take. */
const OVERHEAD = 1_024;

/** About what an open place takes, with the piece of the body before it. */
const PLACE = 256;

/** The views that are served most, ready to be sent: reading one takes longer than all else that a hit needs. */
const ready = new LRUCache<Pick<Entry, 'html'>, StoredView | AddressRecord>({
  maxSize: READY_BYTES,
  maxEntrySize: READY_BYTES / 8,
  sizeCalculation: bytesOf,
});

/** Estimates the bytes of a view and its entry. A visitor may choose what is in a head, such as a long Location. */
function bytesOf(view: StoredView | AddressRecord, { html }: Pick<Entry, 'html'>): number {
  const head = html.indexOf('\n');
  if (!('body' in view)) return OVERHEAD + html.length + head;
  const { body, isText, open, openHeaders, holes } = view;
  // V8 takes two bytes for each character once one is beyond Latin-1.
  const isWide = isText && html.length - head - 1 !== body.length;
  // Some frameworks are given the text of the body, which is then kept as well.
  const texts = isText ? 2 : 1;
  const places = (open.length + openHeaders.length) * PLACE + holeBytes(holes);
  return OVERHEAD + places + (html.length * texts + head) * (isWide ? 2 : 1) + body.length;
}

/** Returns what an entry holds; undefined if this package cannot have stored it. */
export function viewOf(entry: Pick<Entry, 'html'>): StoredView | AddressRecord | undefined {
  const before = ready.get(entry);
  if (before !== undefined) return before;
  const view = readView(entry.html);
  if (view !== undefined) ready.set(entry, view);
  return view;
}

/** Reads what {@link writeView} or {@link writeRecord} wrote; undefined for anything else. */
function readView(text: string): StoredView | AddressRecord | undefined {
  const end = text.indexOf('\n');
  try {
    const head = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
    const {
      reads,
      stored,
      status,
      headers,
      removed,
      etag,
      created,
      age,
      open = [],
      openHeaders = [],
      environment = '',
    } = head;
    if (reads !== undefined) return areWords(reads) && areWords(stored) ? { reads, stored } : undefined;
    const rest = text.slice(end + 1);
    const body = Buffer.from(rest, head.text === true ? 'utf8' : 'base64');
    const isText = head.text === true;
    const holes = readHoles(head.holes ?? 0, rest, areVariables);
    const view = { status, headers, removed, etag, created, age, body, isText, open, openHeaders, holes, environment };
    return isSound(view) ? view : undefined;
  } catch {
    return undefined;
  }
}

const texts = new WeakMap<Buffer, string>();

/** Returns the text of a body that is kept ready. It is one piece of memory, which is sent faster than a part of another. */
export function textOf(body: Buffer): string {
  let text = texts.get(body);
  if (text === undefined) {
    text = body.toString();
    texts.set(body, text);
  }
  return text;
}
