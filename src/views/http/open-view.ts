import { isUtf8 } from 'node:buffer';
import type { OutgoingHttpHeader } from 'node:http';
import { digest } from '../../util/digest.ts';
import type { Replacements } from '../replace/replacements.ts';
import type { Headers } from './exchange.ts';
import { MAX_OPEN, type OpenHeader, type OpenPlace, type Piece, without } from './open-places.ts';
import { isCoded } from './reflection.ts';
import { strongTag } from './reply.ts';

/** A body without the values that are replaced. */
export interface OpenBody {
  readonly body: Buffer;
  readonly open: readonly OpenPlace[];
}

/** Headers without them. */
export interface OpenHeaders {
  readonly headers: Headers;
  readonly openHeaders: readonly OpenHeader[];
}

/** Why a page cannot be stored without the values. */
export type OpenReason = 'value transformed' | 'hole lost';

/** Stands in the place of a value while what is left is searched, so that its neighbours make no piece of another. */
const GAP = '\n';

/**
 * Takes the values out of a body.
 *
 * @param holes pieces of it that holes show, which are taken out as well
 */
export function openBody(
  headers: Headers,
  body: Buffer,
  replacements: Replacements,
  holes: readonly Piece[] = [],
): OpenBody | OpenReason {
  // What is no text may hold them compressed, or as other bytes.
  if (isCoded(headers) || !isUtf8(body) || body.includes(0)) return 'value transformed';
  const pieces = replacements.piecesOf(body, holes);
  if (pieces === undefined) return 'value transformed';
  if (pieces.length > MAX_OPEN) return 'hole lost';
  const { rest: left, open } = without(body, pieces);
  return replacements.remnants.areIn(spaced(left, open)) ? 'value transformed' : { body: left, open };
}

/** Takes the values out of headers. */
export function openHeaders(headers: Headers, replacements: Replacements): OpenHeaders | OpenReason {
  const openHeaders: OpenHeader[] = [];
  const left: Record<string, OutgoingHttpHeader> = {};
  for (const [header, value] of Object.entries(headers)) {
    const lines = Array.isArray(value) ? value : [value];
    const cut: (string | number)[] = [];
    for (const [line, text] of lines.entries()) {
      const bytes = Buffer.from(String(text), 'latin1');
      const pieces = replacements.piecesOf(bytes);
      if (pieces === undefined) return 'value transformed';
      const { rest, open } = without(bytes, pieces);
      if (replacements.remnants.areIn(spaced(rest, open))) return 'value transformed';
      for (const place of open) openHeaders.push({ header, line, ...place });
      cut.push(open.length === 0 ? (text as string | number) : rest.toString('latin1'));
    }
    left[header] = Array.isArray(value) ? (cut as string[]) : (cut[0] as string | number);
  }
  return openHeaders.length > MAX_OPEN ? 'value transformed' : { headers: left, openHeaders };
}

function spaced(rest: Buffer, open: readonly OpenPlace[]): Buffer {
  if (open.length === 0) return rest;
  const gap = Buffer.from(GAP);
  const parts: Buffer[] = [];
  let from = 0;
  for (const { at } of open) {
    parts.push(rest.subarray(from, at), gap);
    from = at;
  }
  parts.push(rest.subarray(from));
  return Buffer.concat(parts);
}

/** Returns the entity tag of what is left of a page, with its open places. */
export function openTag(headers: Headers, { body, open, openHeaders }: OpenBody & OpenHeaders): string {
  const tag = strongTag(headers, body);
  return open.length + openHeaders.length === 0 ? tag : `"${digest(JSON.stringify([tag, open, openHeaders]), 27)}"`;
}

/**
 * Returns the entity tag of a page whose open places are filled. All that its bytes depend on is in it, so that it is
 * another for other values, and no byte has to be read for it.
 *
 * @param etag of what is left, by {@link openTag}
 * @param open all places, of the headers as well: a 304 does not repeat these
 */
export function filledTag(etag: string, open: readonly OpenPlace[], values: ReadonlyMap<string, string>): string {
  if (open.length === 0) return etag;
  const names = new Set(open.map(({ name }) => name));
  return `"${digest(JSON.stringify([etag, [...values].filter(([name]) => names.has(name))]), 27)}"`;
}
