import { isUtf8 } from 'node:buffer';
import { isName, isSound, type StoredView } from './sound-view.ts';

export type { StoredView } from './sound-view.ts';

/** The request headers on which the views of a url depend. */
export interface VaryRecord {
  readonly vary: readonly string[];
}

/** Writes a view as a line of JSON and the body; bytes that are not UTF-8 become base64. */
export function writeView({ body, ...rest }: StoredView): string {
  const isText = isUtf8(body);
  return `${JSON.stringify({ ...rest, text: isText })}\n${body.toString(isText ? 'utf8' : 'base64')}`;
}

export function writeVary(record: VaryRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** Most names in a record of {@link VaryRecord}. */
const MAX_VARIED = 100;

/** Reads what {@link writeView} or {@link writeVary} wrote; undefined for anything else. */
export function readView(text: string): StoredView | VaryRecord | undefined {
  const end = text.indexOf('\n');
  try {
    const head = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
    const { vary, status, headers, removed, etag, created, age } = head;
    if (vary !== undefined) {
      return Array.isArray(vary) && vary.length <= MAX_VARIED && vary.every(isName) ? { vary } : undefined;
    }
    const body = Buffer.from(text.slice(end + 1), head.text === true ? 'utf8' : 'base64');
    const view = { status, headers, removed, etag, created, age, body };
    return isSound(view) ? view : undefined;
  } catch {
    return undefined;
  }
}
