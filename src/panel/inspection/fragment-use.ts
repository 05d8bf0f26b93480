import type { Entry } from '../../cache/entry.ts';
import type { Hole } from '../../cache/hole.ts';
import type { Identity } from '../../model/identity.ts';
import { dependencyNames, ownName } from '../../model/names.ts';
import type { ServedFrom } from '../../render/inspect.ts';
import { ttlMilliseconds } from '../../render/lifetime.ts';
import type { FragmentDraft } from '../../reporting/report.ts';
import { holeTexts } from './hole-texts.ts';
import { type ReadValue, readValues } from './read-values.ts';

/** One use of a fragment tag on a page. */
export interface FragmentUse {
  html: string;
  /** Uses in its html, in the order in which they were printed. */
  readonly inside: FragmentUse[];
  /** Undefined where its body failed. */
  report: FragmentDraft | undefined;
  /** Undefined where there is no entry. */
  kept: Kept | undefined;
}

/** What is known of an entry that was served or made. */
export interface Kept {
  readonly models: readonly Identity[];
  /** Canonical texts. */
  readonly keys: string;
  readonly using: string;
  readonly reads: readonly ReadValue[];
  /** Names on which it depends because the tag names them, and because its body has met them. */
  readonly own: readonly string[];
  readonly inherited: readonly string[];
  /** When it expires, in milliseconds since 1970; undefined for never. */
  readonly expires: number | undefined;
  /** When it was made, in milliseconds since 1970; undefined if that is not known. */
  readonly made: number | undefined;
  /** When it was made at the earliest, as its ttl tells; undefined if that tells nothing. */
  readonly madeAfter: number | undefined;
  readonly holes: readonly ShownHole[];
}

/** A hole of a fragment. */
export interface ShownHole {
  /** Where its content stands: `greeting.njk, hole 1`. */
  readonly place: string;
  /** Values passed to it, as JSON; empty for none. */
  readonly passed: string;
  /** What it shows on this page; undefined where that cannot be told from what is around it. */
  readonly shows: string | undefined;
}

/** Names and holes of a fragment that are shown. */
export const MAX_SHOWN = 50;
const MAX_TEXT = 300;

/** When entries were made that pages with a panel have made, in milliseconds since 1970. Entries do not know it themselves. */
const times = new WeakMap<Entry, number>();

/**
 * Returns what the panel shows of an entry. It keeps neither the entry nor objects of the page.
 *
 * @param isNew whether this page has made it
 */
export function keptOf({ entry, operands, key, scope }: ServedFrom, isNew: boolean): Omit<Kept, 'holes'> {
  if (isNew && !times.has(entry)) times.set(entry, Date.now());
  const ttl = ttlMilliseconds(operands.ttl);
  return {
    models: key.models.slice(0, MAX_SHOWN),
    keys: bounded(key.keys),
    using: bounded(key.using),
    reads: readValues(entry.reads, scope).slice(0, MAX_SHOWN),
    ...splitNames(entry.dependencies, key.models.flatMap(dependencyNames)),
    expires: Number.isFinite(entry.expires) ? entry.expires : undefined,
    made: times.get(entry),
    // What ends before its ttl, such as one with young data, would seem to be older than it is.
    madeAfter: ttl === 0 || entry.provisional ? undefined : entry.expires - ttl,
  };
}

/** Returns the holes of an entry as a page shows them. */
export function holesOf({ html, holes }: Entry, shown: string): readonly ShownHole[] {
  if (holes.length === 0 || holes.length > MAX_SHOWN) return [];
  const texts = holeTexts(html, holes, shown);
  return holes.map((hole, i) => ({
    place: placeOf(hole),
    passed: bounded(hole.values),
    shows: texts[i] === undefined ? undefined : bounded(texts[i]),
  }));
}

/** Returns where the content of a hole stands. */
export function placeOf({ template, ordinal }: Pick<Hole, 'template' | 'ordinal'>): string {
  return `${template?.name ?? 'here'}, hole ${ordinal + 1}`;
}

/**
 * Returns the names among the dependencies of an entry: those that were given to the cache, and those that were met while it was made.
 *
 * @param given names of the models that were given
 */
export function splitNames(
  dependencies: Entry['dependencies'],
  given: Iterable<string>,
): { readonly own: readonly string[]; readonly inherited: readonly string[] } {
  const own = new Set(given);
  const names = dependencies.filter((_, i) => i % 2 === 0);
  return {
    own: shownNames(names.filter((name) => own.has(name))),
    inherited: shownNames(names.filter((name) => !own.has(name))),
  };
}

/** The models of a tag, as names. */
export function modelNames({ models }: Pick<Kept, 'models'>): readonly string[] {
  return models.map(ownName);
}

function shownNames(names: readonly string[]): readonly string[] {
  return names.slice(0, MAX_SHOWN).map(bounded);
}

export function bounded(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
}
