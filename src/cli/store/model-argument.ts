import { Identifier, type Identity, type ModelIdentity } from '../../model/identity.ts';
import { badOption } from '../../util/check-option.ts';

/** A row, or the name of a type for all of its rows: what `invalidateCacheFor` takes. */
export type NamedModel = string | ModelIdentity;

/**
 * Reads a model as it is named on the command line: `Comment 7`, `Comment:7`, or as reports have it, `Comment:=7`. A type alone
 * is all of its rows.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function modelArgument(type: string, id: string | undefined, tenant: string | undefined): NamedModel {
  const colon = id === undefined ? type.indexOf(':') : -1;
  const name = colon === -1 ? type : type.slice(0, colon);
  const told = colon === -1 ? id : type.slice(colon + 1).replace(/^=/, '');
  if (name === '' || told === '' || told === '*' || told?.startsWith('@')) {
    const got = id === undefined ? type : `${type} ${id}`;
    throw badOption('the model', 'a type, or a type and an id: Comment, Comment:7 or Comment 7', got);
  }
  if (told !== undefined) return { type: name, id: told, ...(tenant === undefined ? {} : { tenant }) };
  if (tenant !== undefined) throw badOption('--tenant', 'the tenant of a row, which has an id', `the type ${name}`);
  return name;
}

/** Returns the identity that a model of the command line has in the cache. */
export function identityOf(model: NamedModel): Identity {
  return new Identifier().identity(model);
}
