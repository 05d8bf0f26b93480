import { isUtf8 } from 'node:buffer';
import type { Headers } from './exchange.ts';

/** A view in the form that an entry's text holds. */
export interface StoredView {
  readonly status: number;
  /** Headers that the handler set or changed. */
  readonly headers: Headers;
  /** Headers that the handler removed. */
  readonly removed: readonly string[];
  /** A strong entity tag. */
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly body: Buffer;
}

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

/** Reads what {@link writeView} or {@link writeRecord} wrote; undefined for anything else. */
export function readView(text: string): StoredView | AddressRecord | undefined {
  const end = text.indexOf('\n');
  try {
    const head = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
    if (Array.isArray(head.reads) && Array.isArray(head.stored))
      return { reads: head.reads.map(String), stored: head.stored.map(String) };
    const { status, headers, removed, etag, created } = head;
    const isView =
      typeof status === 'number' &&
      typeof headers === 'object' &&
      headers !== null &&
      Array.isArray(removed) &&
      typeof etag === 'string' &&
      typeof created === 'number';
    if (!isView) return undefined;
    const body = Buffer.from(text.slice(end + 1), head.text === true ? 'utf8' : 'base64');
    return { status, headers: headers as Headers, removed: removed.map(String), etag, created, body };
  } catch {
    return undefined;
  }
}
