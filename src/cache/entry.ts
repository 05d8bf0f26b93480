import { parseReads, type Reads, writeReads } from '../reads/reads.ts';

/** A template chosen at run time inside a body: asked for as this, from there, and what it was made of. */
export interface TemplateDependency {
  readonly name: string;
  /** Path of the template that asked, for relative names. */
  readonly parent: string | undefined;
  readonly digest: string;
}

/** A stored fragment. It is valid only while every token in it equals the name's token now. */
export interface Entry {
  readonly html: string;
  /** What it was made from: names, each with the token that it had behind it. One list takes 48 bytes less than two. */
  readonly dependencies: readonly string[];
  readonly templates: readonly TemplateDependency[];
  /** What its body read of the page, and set for it. */
  readonly reads: Reads;
  /** Milliseconds since 1970; Infinity for never. */
  readonly expires: number;
  /** Stored although its data may be older than its tokens: short-lived, and never in place of a valid entry. */
  readonly provisional: boolean;
  /** What rendering the body took; a whole number, because another one is an object of its own. */
  readonly microseconds: number;
}

/** More names than this and an entry is not stored: checking them would cost more than rendering. */
export const MAX_DEPENDENCIES = 1_000;

/** What an entry needs beside its strings: objects, arrays and the map's slot, measured on Node 20 and rounded up. */
const OVERHEAD = 300;
const DEPENDENCY_OVERHEAD = 16;
/** What the text of the reads takes once it is taken apart, as a multiple of it. */
const PARTS = 3;

/** V8 keeps shorter texts in one piece always (`ConsString::kMinLength`): they are not looked at. */
const LEAST_PIECES = 13;

/** Bytes an entry takes in memory, for the memory tier's limit. */
export function entryBytes(key: string, entry: Entry): number {
  const { text, variables } = entry.reads;
  let bytes = OVERHEAD + textBytes(entry.html) + textBytes(key) + textBytes(variables);
  bytes += textBytes(text) * (1 + PARTS);
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
 * V8 keeps a text with a single character beyond Latin-1 in two bytes for each; beyond ASCII is close enough. Looking at a
 * text also puts it into one piece: a name of 14 characters takes 100 bytes in the pieces that it was made of.
 */
function textBytes(text: string): number {
  if (text.length < LEAST_PIECES) return text.length * 2;
  return Buffer.byteLength(text) === text.length ? text.length : text.length * 2;
}

/** What a store has under a key. */
export interface StoredEntry {
  /** Canonical text of the key's parts: a key function that drops some cannot mix fragments up. */
  readonly canonical: string;
  readonly entry: Entry;
}

/**
 * An entry as text, for a store: a line of JSON, and the html. The line is a list, which is read in two thirds of the time
 * of an object; a canonical text that is the key itself is left out.
 */
export function writeEntry({ canonical, entry }: StoredEntry, key: string): string {
  const { html, dependencies, templates, reads, provisional, microseconds } = entry;
  const expires = entry.expires === Number.POSITIVE_INFINITY ? null : entry.expires;
  const head: unknown[] = [dependencies, templates, writeReads(reads), expires, provisional, microseconds];
  if (canonical !== key) head.push(canonical);
  return `${JSON.stringify(head)}\n${html}`;
}

/** What {@link writeEntry} wrote; undefined for anything else. */
export function readEntry(text: string, key: string): StoredEntry | undefined {
  const end = text.indexOf('\n');
  try {
    const [dependencies, templates, written, expires, provisional, microseconds, canonical = key] = JSON.parse(
      text.slice(0, end),
    );
    const html = text.slice(end + 1);
    const reads = parseReads(written);
    if (reads === undefined) return undefined;
    // The same shape as an entry that was made here: V8 is quick with objects of one shape.
    const entry = {
      html,
      dependencies,
      templates,
      reads,
      expires: expires ?? Number.POSITIVE_INFINITY,
      provisional,
      microseconds,
    };
    return end !== -1 && typeof canonical === 'string' && isEntry(entry) ? { canonical, entry } : undefined;
  } catch {
    return undefined;
  }
}

function isEntry({ dependencies, templates, expires, provisional, microseconds }: Entry): boolean {
  return (
    areTexts(dependencies) &&
    dependencies.length % 2 === 0 &&
    dependencies.length <= 2 * MAX_DEPENDENCIES &&
    Array.isArray(templates) &&
    templates.every(isTemplateDependency) &&
    typeof expires === 'number' &&
    typeof provisional === 'boolean' &&
    typeof microseconds === 'number'
  );
}

function isTemplateDependency(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { name, parent, digest } = value as Partial<TemplateDependency>;
  return typeof name === 'string' && typeof digest === 'string' && (parent === undefined || typeof parent === 'string');
}

function areTexts(list: unknown): boolean {
  return Array.isArray(list) && list.every((item) => typeof item === 'string');
}
