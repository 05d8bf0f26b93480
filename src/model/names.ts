import type { Identity } from './identity.ts';

/** The name every fragment depends on: bumping it sweeps everything. */
export const EVERYTHING = '*';

/** The characters that have a meaning in a name, and those no log should show, are written %XX in a type. */
const RESERVED = /[%:=*\s\x7f-\xa0]|[^\x21-\uffff]/g;

function escapeType(type: string): string {
  return type.replace(RESERVED, (character) => `%${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * The names of one type: `Comment` itself (all that shows any comment) and `Comment:*` (its lists).
 * Kept per type, so that entries share the strings.
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

/** The own name of a model, `Comment:=7`, or of a list, `Comment:*`. No two identities share one. */
export function ownName(identity: Identity): string {
  const names = typeNames(identity.type);
  return identity.id === undefined ? names.list : `${names.type}:=${identity.id}`;
}

/** The three names a fragment made from this model depends on, its own last. */
export function dependencyNames(identity: Identity): readonly [string, string, string] {
  return [EVERYTHING, typeNames(identity.type).type, ownName(identity)];
}

/**
 * The names that a change of this model bumps: a row sweeps itself and the lists of its type; a type without an id
 * sweeps everything that shows any of them. The first belongs to no other identity.
 */
export function sweptNames(identity: Identity): readonly [string, ...string[]] {
  const names = typeNames(identity.type);
  return identity.id === undefined ? [names.type] : [`${names.type}:=${identity.id}`, names.list];
}

/** The name of the type that a name belongs to: `Comment` of `Comment:=7`, `Comment:*` and `Comment`. */
export function typeOfName(name: string): string {
  const colon = name.indexOf(':');
  return colon === -1 ? name : name.slice(0, colon);
}
