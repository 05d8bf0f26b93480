import type { OutgoingHttpHeader } from 'node:http';
import type { Headers } from './exchange.ts';
import { linesOf, type OpenHeader, piecesOf } from './open-places.ts';
import { filledTag } from './open-view.ts';
import type { StoredView } from './sound-view.ts';

type Values = ReadonlyMap<string, string>;

/** Pieces of bodies between their open places. They are parts of the body's own memory. */
const pieces = new WeakMap<Buffer, readonly Buffer[]>();

/**
 * Returns a stored view with values in its open places; undefined if one of them has no value.
 *
 * @param values what is put in, by name. In headers that is visible ASCII
 */
export function filledView(view: StoredView, values: Values): StoredView | undefined {
  const { open, openHeaders, body } = view;
  if (open.length + openHeaders.length === 0) return view;
  if (![...open, ...openHeaders].every(({ name }) => values.has(name))) return undefined;
  return {
    ...view,
    headers: openHeaders.length === 0 ? view.headers : filledHeaders(view.headers, openHeaders, values),
    body: open.length === 0 ? body : filledBody(view, values),
    etag: filledTag(view.etag, [...open, ...openHeaders], values),
  };
}

function filledBody({ body, open }: StoredView, values: Values): Buffer {
  let between = pieces.get(body);
  if (between === undefined) {
    between = piecesOf(body, open);
    pieces.set(body, between);
  }
  let { length } = body;
  for (const { name } of open) length += Buffer.byteLength(values.get(name) as string);
  const filled = Buffer.allocUnsafe(length);
  let at = 0;
  for (let i = 0; i < between.length; i++) {
    const piece = between[i] as Buffer;
    filled.set(piece, at);
    at += piece.length;
    const place = open[i];
    if (place !== undefined) at += filled.write(values.get(place.name) as string, at);
  }
  return filled;
}

function filledHeaders(headers: Headers, open: readonly OpenHeader[], values: Values): Headers {
  const filled: Record<string, OutgoingHttpHeader> = { ...headers };
  for (const header of new Set(open.map((place) => place.header))) {
    const lines = linesOf(headers[header]).map((text, i) => {
      const places = open.filter((place) => place.header === header && place.line === i);
      const between = piecesOf(Buffer.from(text, 'latin1'), places);
      const texts = between.map((piece) => piece.toString('latin1'));
      return texts.map((piece, j) => piece + valueAt(places[j], values)).join('');
    });
    filled[header] = Array.isArray(headers[header]) ? lines : (lines[0] as string);
  }
  return filled;
}

function valueAt(place: OpenHeader | undefined, values: Values): string {
  return place === undefined ? '' : (values.get(place.name) as string);
}
