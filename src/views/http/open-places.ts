import type { Headers } from './exchange.ts';

/** A place from which something of one visitor was taken, and where that of another is put in. */
export interface OpenPlace {
  /** Bytes before it, in what is left. */
  readonly at: number;
  /** Of what stands there. */
  readonly name: string;
}

/** An open place of a header. */
export interface OpenHeader extends OpenPlace {
  readonly header: string;
  /** Which line of it, if it has several. */
  readonly line: number;
}

/** A page with more would take long to put together. */
export const MAX_OPEN = 1_000;
const NAME = /^\P{Cc}{0,200}$/u;
/** Begins the name of a place where a hole of the template is; its number follows. No value has such a name. */
const HOLE = '\u0001';
const HOLE_NAME = new RegExp(`^${HOLE}\\d{1,5}$`);

export function holeName(number: number): string {
  return `${HOLE}${number}`;
}

/** Whether a place has this name because a hole of the template is there. */
export function isHoleName(name: string): boolean {
  return HOLE_NAME.test(name);
}

/** A piece of a text that is taken out, and what stands there. */
export interface Piece {
  readonly at: number;
  readonly length: number;
  readonly name: string;
}

/**
 * Returns where some values stand, in bytes; undefined if they overlap or are too many.
 *
 * @param taken pieces that are taken out in any case, in order. A value in one of them is taken out with it
 */
export function piecesWith(
  bytes: Buffer,
  values: ReadonlyMap<string, string>,
  taken: readonly Piece[] = [],
): readonly Piece[] | undefined {
  const found: Piece[] = [...taken];
  for (const [name, value] of values) {
    // One byte further on each time, so that what overlaps is found.
    for (let at = bytes.indexOf(value); at !== -1; at = bytes.indexOf(value, at + 1)) {
      const { length } = value;
      if (taken.some((piece) => piece.at <= at && at + length <= piece.at + piece.length)) continue;
      if (found.length >= MAX_OPEN) return undefined;
      found.push({ at, length, name });
    }
  }
  found.sort((a, b) => a.at - b.at);
  let end = 0;
  for (const { at, length } of found) {
    if (at < end) return undefined;
    end = at + length;
  }
  return found;
}

/** Takes pieces out of bytes. */
export function without(
  bytes: Buffer,
  pieces: readonly Piece[],
): { readonly rest: Buffer; readonly open: readonly OpenPlace[] } {
  if (pieces.length === 0) return { rest: bytes, open: [] };
  const left: Buffer[] = [];
  const open: OpenPlace[] = [];
  let from = 0;
  let cut = 0;
  for (const { at, length, name } of pieces) {
    left.push(bytes.subarray(from, at));
    open.push({ at: at - cut, name });
    from = at + length;
    cut += length;
  }
  left.push(bytes.subarray(from));
  return { rest: Buffer.concat(left), open };
}

/** Returns the pieces between open places: one more than there are places. */
export function piecesOf(rest: Buffer, open: readonly OpenPlace[]): readonly Buffer[] {
  const ends = [...open.map(({ at }) => at), rest.length];
  return ends.map((end, i) => rest.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** Whether open places that came from a store are in order and within a text of this length. */
export function areOpenPlaces(given: unknown, length: number): given is readonly OpenPlace[] {
  if (!Array.isArray(given) || given.length > MAX_OPEN) return false;
  let last = 0;
  return given.every((place: unknown) => {
    if (typeof place !== 'object' || place === null) return false;
    const { at, name } = place as { readonly [K in keyof OpenPlace]?: unknown };
    if (!Number.isInteger(at) || (at as number) < last || (at as number) > length) return false;
    last = at as number;
    return typeof name === 'string' && (NAME.test(name) || HOLE_NAME.test(name));
  });
}

/** Whether open places of headers that came from a store are in headers that are there. */
export function areOpenHeaders(given: unknown, headers: Headers): given is readonly OpenHeader[] {
  if (!Array.isArray(given) || given.length > MAX_OPEN) return false;
  const places = new Map<string, unknown[]>();
  for (const place of given) {
    const { header, line } = (place ?? {}) as { readonly [K in keyof OpenHeader]?: unknown };
    if (typeof header !== 'string' || !Object.hasOwn(headers, header) || !Number.isInteger(line)) return false;
    const key = `${header} ${line}`;
    places.set(key, [...(places.get(key) ?? []), place]);
  }
  return [...places.values()].every((of) => {
    const { header, line } = of[0] as OpenHeader;
    const text = linesOf(headers[header])[line];
    return text !== undefined && areOpenPlaces(of, text.length);
  });
}

/** Returns the lines of a header. */
export function linesOf(value: Headers[string] | undefined): readonly string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [String(value)];
}
