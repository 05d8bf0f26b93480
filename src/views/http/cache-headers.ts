import type { ServerResponse } from 'node:http';
import { text } from './header-text.ts';
import type { Asked } from './last-word.ts';

/** Headers that tell of the cache, in the words of standards. */
export const CACHE_HEADERS = ['Cache-Status', 'Server-Timing'] as const;
export type CacheHeader = (typeof CACHE_HEADERS)[number];

/** Why the handler had to run: RFC 9211, section 2.2. */
export type Forward = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'stale';

/** What the cache did for one answer. */
export interface Told {
  readonly outcome: 'hit' | 'miss' | 'skip';
  /** Undefined for hits. */
  readonly forward?: Forward;
  /** Whether the answer is stored, as far as that is known when its head is sent. */
  readonly isStored?: boolean;
  /** Milliseconds since 1970 when the view ends that was served; infinite if it does not end by time. */
  readonly expires?: number;
  /** The reason, if it is told. */
  readonly detail?: string | undefined;
  /** Milliseconds that looking for the view took, and the handler, up to now. */
  readonly lookup?: number;
  readonly handler?: number;
}

/** Texts of a structured field have only these: RFC 9651, section 3.3.3. */
const UNPRINTABLE = /[^\x20-\x7e]/g;
const MAX_DETAIL = 200;

/** Adds the headers when all others are set, behind what other caches have said. So they are in no view. */
export function tellOfCache(wanted: readonly CacheHeader[], now: () => number, told: () => Told): Asked {
  return {
    isPersonal: () => false,
    finish: (response) => {
      const what = told();
      for (const name of wanted) append(response, name, name === 'Cache-Status' ? status(what, now()) : timings(what));
    },
  };
}

/** Headers of a view without timings, which are those of the request that it was made for. */
export function withoutTimings<H extends object>(headers: H, wanted: readonly CacheHeader[]): H {
  if (!wanted.includes('Server-Timing')) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'server-timing')) as H;
}

function append(response: ServerResponse, name: string, value: string): void {
  const before = text(response.getHeader(name));
  response.setHeader(name, before === '' ? value : `${before}, ${value}`);
}

/** The member of a Cache-Status list: RFC 9211, section 2. */
function status({ forward, isStored, expires, detail }: Told, now: number): string {
  const parts = ['cachesweeper', forward === undefined ? 'hit' : `fwd=${forward}`];
  if (isStored === true) parts.push('stored');
  if (expires !== undefined && Number.isFinite(expires)) parts.push(`ttl=${Math.floor((expires - now) / 1_000)}`);
  if (detail !== undefined) parts.push(`detail=${quoted(detail.slice(0, MAX_DETAIL))}`);
  return parts.join('; ');
}

/** Metrics of Server-Timing, in milliseconds: https://www.w3.org/TR/server-timing/ */
function timings({ outcome, detail, lookup, handler }: Told): string {
  const description = detail === undefined ? outcome : `${outcome} (${detail.slice(0, MAX_DETAIL)})`;
  const cache = `cache;desc=${quoted(description)}${duration(lookup)}`;
  return handler === undefined ? cache : `${cache}, handler${duration(handler)}`;
}

function duration(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '' : `;dur=${Math.round(milliseconds * 100) / 100}`;
}

function quoted(value: string): string {
  return `"${value.replaceAll(UNPRINTABLE, '?').replaceAll(/["\\]/g, '\\$&')}"`;
}
