import type { Identity } from './identity.ts';

/** Every fragment depends on this name, so its bump invalidates everything. */
export const EVERYTHING = '*';

/**
 * Characters of a type that are written as %XXXX in a name: those with a meaning there, and those no log should show.
 */
const RESERVED = /[%:=*\s\x7f-\xa0]|[^\x21-\uffff]/g;

function escapeText(type: string): string {
  return type.replace(RESERVED, (character) => `%${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Returns the type or tenant that is written in a name. */
export function unescapeText(text: string): string {
  return text.replace(/%([0-9a-f]{4})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
}

/**
 * The names of a type: `Comment`, on which every fragment showing a comment depends, `Comment:*`, for its lists, and
 * `Comment:@*`, on which lists depend that show rows of all tenants. Cached per type so that entries share the strings.
 */
interface TypeNames {
  readonly type: string;
  readonly list: string;
  readonly tenants: string;
}

const MAX_TYPES = 1_000;
const known = new Map<string, TypeNames>();

function typeNames(type: string): TypeNames {
  let names = known.get(type);
  if (names === undefined) {
    const escaped = escapeText(type);
    names = { type: escaped, list: `${escaped}:*`, tenants: `${escaped}:@*` };
    if (known.size >= MAX_TYPES) known.clear();
    known.set(type, names);
  }
  return names;
}

/**
 * Returns the own name of a model, `Comment:=7`, or of a list, `Comment:*`; with a tenant `Comment:@acme:=7` and
 * `Comment:@acme:*`. Two identities never share one.
 */
export function ownName(identity: Identity): string {
  const { tenant } = identity;
  if (tenant === undefined) return sharedName(identity);
  const ofTenant = `${typeNames(identity.type).type}:@${escapeText(tenant)}`;
  return identity.id === undefined ? `${ofTenant}:*` : `${ofTenant}:=${identity.id}`;
}

/** The name without the tenant. A change of which no tenant is known bumps it, so all tenants' rows depend on it. */
function sharedName({ type, id }: Identity): string {
  const names = typeNames(type);
  return id === undefined ? names.list : `${names.type}:=${id}`;
}

/**
 * Returns the names that a fragment made from this model depends on, its own name last. A row or list of a tenant
 * depends on the name that it has without one as well; a list without a tenant shows rows of all tenants.
 */
export function dependencyNames(identity: Identity): readonly string[] {
  const { type, tenants } = typeNames(identity.type);
  if (identity.tenant !== undefined) return [EVERYTHING, type, sharedName(identity), ownName(identity)];
  if (identity.id === undefined) return [EVERYTHING, type, tenants, sharedName(identity)];
  return [EVERYTHING, type, sharedName(identity)];
}

/**
 * Returns the names that a change of this model bumps. A row bumps itself and the lists of its type: of all tenants, or
 * of its own and those without a tenant. A type without an id bumps the type's name, on which all its fragments depend.
 * No other identity has the first of these names, except that of a type and all of its tenants is one.
 */
export function bumpedNames(identity: Identity): readonly [string, ...string[]] {
  const { type, list, tenants } = typeNames(identity.type);
  if (identity.id === undefined) return [type];
  if (identity.tenant === undefined) return [sharedName(identity), list];
  const tenantList = ownName({ ...identity, id: undefined });
  return [ownName(identity), tenantList, sharedName(identity), tenants];
}

/** Returns the type in a name: `Comment` for `Comment:=7`, `Comment:*` and `Comment`. */
export function typeOfName(name: string): string {
  const colon = name.indexOf(':');
  return colon === -1 ? name : name.slice(0, colon);
}
