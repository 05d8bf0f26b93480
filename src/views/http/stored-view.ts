import { isUtf8 } from 'node:buffer';
import type { Headers } from './exchange.ts';

/** A view as an entry's text holds it. */
export interface StoredView {
  readonly status: number;
  /** What the handler set, or changed. */
  readonly headers: Headers;
  /** What it took away. */
  readonly removed: readonly string[];
  /** Strong. */
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly body: Buffer;
}

/** The request headers that a url's views depend on. */
export interface VaryRecord {
  readonly vary: readonly string[];
}

/** A line of JSON and the body; bytes that are no text as base64. */
export function writeView({ body, ...rest }: StoredView): string {
  const isText = isUtf8(body);
  return `${JSON.stringify({ ...rest, text: isText })}\n${body.toString(isText ? 'utf8' : 'base64')}`;
}

export function writeVary(record: VaryRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** What {@link writeView} or {@link writeVary} wrote; undefined for anything else. */
export function readView(text: string): StoredView | VaryRecord | undefined {
  const end = text.indexOf('\n');
  try {
    const head = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
    if (Array.isArray(head.vary)) return { vary: head.vary.map(String) };
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
