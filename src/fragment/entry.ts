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
  /** The names it was made from; `tokens[i]` was the token of `names[i]`. */
  readonly names: readonly string[];
  readonly tokens: readonly string[];
  readonly templates: readonly TemplateDependency[];
  /** Milliseconds since 1970; Infinity for never. */
  readonly expires: number;
  /** Stored although its data may be older than its tokens: short-lived, and never in place of a valid entry. */
  readonly provisional: boolean;
  /** Milliseconds that rendering the body took. */
  readonly cost: number;
}

/** More names than this and an entry is not stored: checking them would cost more than rendering. */
export const MAX_DEPENDENCIES = 1_000;

/** What an entry needs beside its strings: objects, arrays and the map's slot, measured on Node 20 and rounded up. */
const OVERHEAD = 300;
const DEPENDENCY_OVERHEAD = 16;

/** Bytes an entry takes in memory, for the memory tier's limit. */
export function entryBytes(key: string, entry: Entry): number {
  let bytes = OVERHEAD + textBytes(entry.html) + textBytes(key);
  for (let i = 0; i < entry.names.length; i++) {
    bytes += DEPENDENCY_OVERHEAD + textBytes(entry.names[i] as string) + (entry.tokens[i] as string).length;
  }
  for (const { name, parent, digest } of entry.templates) {
    bytes += OVERHEAD + textBytes(name) + textBytes(parent ?? '') + digest.length;
  }
  return bytes;
}

/** V8 keeps a text with a single character beyond Latin-1 in two bytes for each; beyond ASCII is close enough. */
function textBytes(text: string): number {
  return Buffer.byteLength(text) === text.length ? text.length : text.length * 2;
}

/** What a store has under a key. */
export interface StoredEntry {
  /** Canonical text of the key's parts: a key function that drops some cannot mix fragments up. */
  readonly canonical: string;
  readonly entry: Entry;
}

/** An entry as text, for a store: a line of JSON, and the html. A canonical text that is the key itself is left out. */
export function writeEntry({ canonical, entry: { html, ...rest } }: StoredEntry, key: string): string {
  const head = {
    ...rest,
    expires: rest.expires === Number.POSITIVE_INFINITY ? null : rest.expires,
    ...(canonical === key ? {} : { canonical }),
  };
  return `${JSON.stringify(head)}\n${html}`;
}

/** What {@link writeEntry} wrote; undefined for anything else. */
export function readEntry(text: string, key: string): StoredEntry | undefined {
  const end = text.indexOf('\n');
  try {
    const { canonical = key, names, tokens, templates, expires, provisional, cost } = JSON.parse(text.slice(0, end));
    const html = text.slice(end + 1);
    // The same shape as an entry that was made here: V8 is quick with objects of one shape.
    const entry = { html, names, tokens, templates, expires: expires ?? Number.POSITIVE_INFINITY, provisional, cost };
    return end !== -1 && typeof canonical === 'string' && isEntry(entry) ? { canonical, entry } : undefined;
  } catch {
    return undefined;
  }
}

function isEntry({ names, tokens, templates, expires, provisional, cost }: Entry): boolean {
  return (
    areTexts(names) &&
    areTexts(tokens) &&
    names.length === tokens.length &&
    names.length <= MAX_DEPENDENCIES &&
    Array.isArray(templates) &&
    templates.every(isTemplateDependency) &&
    typeof expires === 'number' &&
    typeof provisional === 'boolean' &&
    typeof cost === 'number'
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
