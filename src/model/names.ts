import type { Identity } from './identity.ts';

/** Every fragment depends on this name, so its bump invalidates everything. */
export const EVERYTHING = '*';

/**
 * Characters of a type that are written as %XXXX in a name: those with a meaning there, and those no log should show.
 */
const RESERVED = /[%:=*\s\x7f-\xa0]|[^\x21-\uffff]/g;

function escapeType(type: string): string {
  return type.replace(RESERVED, (character) => `%${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * The names of a type: `Comment`, on which every fragment showing a comment depends, and `Comment:*`, for its lists.
 * Cached per type so that entries share the strings.
 */
interface TypeNames {
  readonly type: string;
  readonly list: string;
}

const MAX_TYPES = 1_000;
const known = new Map<string, TypeNames>();

function typeNames(type: string): TypeNames {
  let names = known.get(type);
  if (names === undefined) {
    const escaped = escapeType(type);
    names = { type: escaped, list: `${escaped}:*` };
    if (known.size >= MAX_TYPES) known.clear();
    known.set(type, names);
  }
  return names;
}

/** Returns the own name of a model, `Comment:=7`, or of a list, `Comment:*`. Two identities never share one. */
export function ownName(identity: Identity): string {
  const names = typeNames(identity.type);
  return identity.id === undefined ? names.list : `${names.type}:=${identity.id}`;
}

/** Returns the three names that a fragment made from this model depends on, its own name last. */
export function dependencyNames(identity: Identity): readonly [string, string, string] {
  return [EVERYTHING, typeNames(identity.type).type, ownName(identity)];
}

/**
 * Returns the names that a change of this model bumps. A row bumps itself and the lists of its type; a type without an
 * id bumps the type's name, on which all its fragments depend. No other identity has the first of these names.
 */
export function bumpedNames(identity: Identity): readonly [string, ...string[]] {
  const names = typeNames(identity.type);
  return identity.id === undefined ? [names.type] : [`${names.type}:=${identity.id}`, names.list];
}

/** Returns the type in a name: `Comment` for `Comment:=7`, `Comment:*` and `Comment`. */
export function typeOfName(name: string): string {
  const colon = name.indexOf(':');
  return colon === -1 ? name : name.slice(0, colon);
}
