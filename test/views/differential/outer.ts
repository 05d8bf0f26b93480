import { cookiesOf } from '../../../src/views/http/session-cookies.ts';
import { nobodies, outside, type Real } from './door.ts';
import type { Outer } from './program.ts';
import type { Dict } from './reads.ts';

/** A class whose instances are data. */
export class Prefs {
  readonly value: string;
  constructor(value: string) {
    this.value = value;
  }
}

/** A model, which is told apart by its id. */
export class Country {
  readonly id: string;
  readonly value: string;
  constructor(id: string) {
    this.id = id;
    this.value = `country ${id}`;
  }
}

/**
 * Middleware outside of the cache: leaves on the locals or on the request what it found in a header, a cookie or the query.
 *
 * @param incoming Node's request
 * @param own the framework's
 */
export function leave(outer: readonly Outer[], incoming: Dict, own: Dict, locals: Dict): void {
  outside((real) => put(outer, { seen: real ?? incoming, incoming }, own, locals));
}

type Incoming = Dict | Real;

function put(
  outer: readonly Outer[],
  { seen, incoming }: { readonly seen: Incoming; readonly incoming: Incoming },
  own: Dict,
  locals: Dict,
): void {
  for (const { put, name, from, as, otherwise } of outer) {
    const holder = put === 'locals' ? locals : own;
    const value = foundIn(seen, from);
    if (name === 'user' && value !== undefined) nobodies.delete(holder);
    else if (name === 'user') nobodies.add(holder);
    if (as === 'getter') {
      // What code outside finds in conditions is in the key with its result, and not hidden from it.
      const at = from.of === 'header' ? seen : incoming;
      Object.defineProperty(holder, name, { configurable: true, enumerable: true, get: () => foundIn(at, from) });
      continue;
    }
    if (value !== undefined) holder[name] = formed(value, as, seen);
    else if (otherwise === 'null') holder[name] = null;
  }
}

function formed(value: string, as: Outer['as'], incoming: Incoming): unknown {
  switch (as) {
    case 'object':
      return { value, more: { value: `${value}!` } };
    case 'list':
      return [value, `${value}!`];
    case 'map':
      return new Map([['value', value]]);
    case 'date':
      return new Date(Date.UTC(2020, 0, 1 + value.length));
    case 'instance':
      return new Prefs(value);
    case 'model':
      return new Country(value);
    case 'yes':
      return true;
    case 'closure':
      return () => value;
    case 'headers':
      return incoming.headers;
    default:
      return value;
  }
}

function foundIn(incoming: Incoming, { of, name }: Outer['from']): string | undefined {
  const headers = incoming.headers as Record<string, string | undefined>;
  if (of === 'header') return headers[name];
  if (of === 'cookie') return cookiesOf(headers.cookie).find(([own]) => own === name)?.[1];
  return new URLSearchParams(String(incoming.url).split('?')[1] ?? '').get(name) ?? undefined;
}
