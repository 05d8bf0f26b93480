import { LONE_SURROGATE } from '../reads/atom.ts';
import { parseReads, type Reads, writeReads } from '../reads/reads.ts';
import { areVariables } from '../reads/variables.ts';
import { type Hole, holeBytes, readHoles, writeHoles } from './hole.ts';

/**
 * A template that a body chose at run time. `name` is how it asked, and `digest` tells whether the template has changed
 * since.
 */
export interface TemplateDependency {
  readonly name: string;
  /** Path of the template that asked, against which relative names resolve. */
  readonly parent: string | undefined;
  readonly digest: string;
}

/** A stored fragment or view. It is served only while each of its tokens equals its name's token now. */
export interface Entry {
  readonly html: string;
  /** The names the entry was made from, each followed by its token then. One flat list takes 48 bytes less than two. */
  readonly dependencies: readonly string[];
  readonly templates: readonly TemplateDependency[];
  /** Values of the page that its body read, and variables of the page that it set. */
  readonly reads: Reads;
  /** Milliseconds since 1970; Infinity for never. */
  readonly expires: number;
  /**
   * For how many milliseconds after `expires` it may be served stale; 0 for not at all. A whole number, and not the time
   * when that ends, because V8 keeps times as separate objects.
   */
  readonly stale: number;
  /** True if the data may be older than the tokens. Such an entry lives briefly and never replaces a valid one. */
  readonly provisional: boolean;
  /** Places in the html that are filled anew for every page, in the order of the html. */
  readonly holes: readonly Hole[];
  /** Time to render the body. A whole number, because V8 keeps fractions as separate objects. */
  readonly microseconds: number;
  /**
   * Milliseconds that making it took, from the first pass that rendered its body to the last, with the loads in between. A whole
   * number.
   */
  readonly duration: number;
}

/** An entry with more names than this is not stored, because checking them would cost more than rendering. */
export const MAX_DEPENDENCIES = 1_000;

/** Most templates that a stored entry may name: each is looked up before the entry is served. */
const MAX_TEMPLATES = 1_000;

/** Bytes of an entry beside its strings: objects, arrays and the map's slot, measured on Node 20 and rounded up. */
const OVERHEAD = 308;
const DEPENDENCY_OVERHEAD = 16;
/** Once the text of the reads is split into parts, the parts take about this many times its size. */
const PARTS = 3;

/** V8 never builds shorter strings from pieces (`ConsString::kMinLength`), so they need no flattening. */
const LEAST_PIECES = 13;

/** Estimates the bytes an entry takes in memory, for the memory tier's limit. */
export function entryBytes(key: string, entry: Entry): number {
  const { text, variables } = entry.reads;
  let bytes = OVERHEAD + textBytes(entry.html) + textBytes(key) + textBytes(variables);
  bytes += textBytes(text) * (1 + PARTS) + holeBytes(entry.holes);
  for (let i = 0; i < entry.dependencies.length; i += 2) {
    const [name, token] = [entry.dependencies[i] as string, entry.dependencies[i + 1] as string];
    bytes += DEPENDENCY_OVERHEAD + textBytes(name) + token.length;
  }
  for (const { name, parent, digest } of entry.templates) {
    bytes += OVERHEAD + textBytes(name) + textBytes(parent ?? '') + digest.length;
  }
  return bytes;
}

/**
 * Estimates a string's bytes. V8 uses two bytes for each character once one is beyond Latin-1; checking for ASCII is
 * close enough. The check also flattens the string: a name of 14 characters built from pieces takes 100 bytes.
 */
function textBytes(text: string): number {
  if (text.length < LEAST_PIECES) return text.length * 2;
  return Buffer.byteLength(text) === text.length ? text.length : text.length * 2;
}

/** An entry as a store has it under a key. */
export interface StoredEntry {
  /** Full text of the key's parts. Comparing it keeps fragments apart even when a `key` function drops some parts. */
  readonly canonical: string;
  readonly entry: Entry;
}

/**
 * Writes an entry as text for a store: a line of JSON, the shape of its reads on a line of its own, then the html. The
 * first line is an array because parsing it takes two thirds of the time of an object; the shape is mostly that of the
 * entry before, so it is compared and not parsed. The canonical text is left out when it equals the key.
 *
 * UTF-8 has no form for half of a surrogate pair, such as `truncate` leaves of an emoji. Html with one is written in the
 * JSON, which escapes it.
 */
export function writeEntry({ canonical, entry }: StoredEntry, key: string): string {
  const { html, dependencies, templates, reads, stale, provisional, microseconds, duration } = entry;
  const expires = entry.expires === Number.POSITIVE_INFINITY ? null : entry.expires;
  const [shape, values] = writeReads(reads);
  const holes = writeHoles(entry.holes);
  const times = [expires, stale, provisional, microseconds, duration];
  const head: unknown[] = [dependencies, templates, values, ...times, holes];
  const isLossy = LONE_SURROGATE.test(html);
  if (canonical !== key || isLossy) head.push(canonical);
  if (isLossy) head.push(html);
  return `${JSON.stringify(head)}\n${shape}\n${isLossy ? '' : html}`;
}

/** Reads what {@link writeEntry} wrote; returns undefined for anything else. */
export function readEntry(text: string, key: string): StoredEntry | undefined {
  const endOfHead = text.indexOf('\n');
  const endOfShape = text.indexOf('\n', endOfHead + 1);
  if (endOfHead === -1 || endOfShape === -1) return undefined;
  try {
    const [dependencies, templates, values, expires, stale, provisional, microseconds, duration, written, ...others] =
      JSON.parse(text.slice(0, endOfHead));
    const [canonical = key, escaped] = others;
    const html = escaped ?? text.slice(endOfShape + 1);
    const reads = parseReads(text.slice(endOfHead + 1, endOfShape), values);
    const holes = typeof html === 'string' ? readHoles(written, html, areVariables) : undefined;
    if (reads === undefined || holes === undefined) return undefined;
    // Same property order as in `newEntry`, so that V8 gives both the same hidden class.
    const entry = {
      html,
      dependencies,
      templates,
      reads,
      expires: expires ?? Number.POSITIVE_INFINITY,
      stale,
      provisional,
      holes,
      microseconds,
      duration,
    };
    return typeof canonical === 'string' && isEntry(entry) ? { canonical, entry } : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(entry: Entry): boolean {
  const { html, dependencies, templates, expires, stale, provisional, microseconds, duration } = entry;
  return (
    typeof html === 'string' &&
    areTexts(dependencies) &&
    dependencies.length % 2 === 0 &&
    dependencies.length <= 2 * MAX_DEPENDENCIES &&
    Array.isArray(templates) &&
    templates.length <= MAX_TEMPLATES &&
    templates.every(isTemplateDependency) &&
    typeof expires === 'number' &&
    isCount(stale) &&
    typeof provisional === 'boolean' &&
    isCount(microseconds) &&
    isCount(duration)
  );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isTemplateDependency(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { name, parent, digest } = value as Partial<TemplateDependency>;
  return typeof name === 'string' && typeof digest === 'string' && (parent === undefined || typeof parent === 'string');
}

function areTexts(list: unknown): boolean {
  return Array.isArray(list) && list.every((item) => typeof item === 'string');
}
