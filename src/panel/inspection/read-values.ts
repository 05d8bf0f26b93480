import type { Reads } from '../../reads/reads.ts';
import { type ReadShape, shapeOf } from '../../reads/shape.ts';
import { KeyCollector } from '../../reads/sinks.ts';
import { walk } from '../../reads/walk.ts';
import type { Scope } from '../../reads/world.ts';

/** Paths that begin with the same name, and the values by which the fragment is compared. */
export interface ReadValue {
  readonly paths: readonly string[];
  readonly value: string;
}

/** Longest text of values that is shown. */
const MAX_SHOWN = 300;

/**
 * Returns what a fragment has read, by name. The scope may hold other values already than those that were read; then the values
 * are not told apart.
 */
export function readValues({ shape, text }: Reads, scope: Scope): readonly ReadValue[] {
  if (shape.roots.length === 0) return [];
  const isSame = textOf(shape, scope) === text;
  const all = isSame
    ? shape.roots.map((root) => shapeOf([root])).map((own) => ({ paths: own.paths, text: textOf(own, scope) }))
    : [{ paths: shape.paths, text }];
  return all
    .filter(({ paths }) => paths.length > 0)
    .map((value) => ({ paths: value.paths, value: readable(value.text) }));
}

function textOf(shape: ReadShape, scope: Scope): string {
  const collector = new KeyCollector();
  walk(shape, scope, collector);
  return collector.text;
}

const SIMPLE: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null', u: 'undefined' };

/** Returns a value as people write it, where it is a single text, number or the like; the text of a key otherwise. */
function readable(text: string): string {
  const [, kind, length, rest = ''] = /^(s)(\d+):(.*)$/s.exec(text) ?? [];
  if (kind === 's' && rest.length === Number(length)) return bounded(JSON.stringify(rest));
  if (/^[di][^,]+,$/.test(text)) return text.slice(1, -1);
  return SIMPLE[text] ?? bounded(text);
}

function bounded(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)` : text;
}
