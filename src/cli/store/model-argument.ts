import { Identifier, type Identity, type ModelIdentity } from '../../model/identity.ts';
import { unescapeText } from '../../model/names.ts';
import { badOption } from '../../util/check-option.ts';

/** A row, or the name of a type for all of its rows: what `invalidateCacheFor` takes. */
export type NamedModel = string | ModelIdentity;

/** Matches the name of a row as reports, errors and `inspect` show it: `Comment:=7`, `Comment:@acme:=7`. */
const NAME_OF_ROW = /^([^:]+)(?::@([^:]+))?:=(.+)$/s;

/**
 * Reads a model as it is named on the command line: `Comment 7`, `Comment:7`, or the name of a row, `Comment:=7`. A type alone
 * is all of its rows. An id that stands apart is taken as it is, whatever it begins with.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function modelArgument(type: string, id: string | undefined, tenant: string | undefined): NamedModel {
  if (id !== undefined) return row(type, id, tenant);
  const [, escaped, escapedTenant, own = ''] = NAME_OF_ROW.exec(type) ?? [];
  if (escaped !== undefined) {
    const told = escapedTenant === undefined ? tenant : unescapeText(escapedTenant);
    if (tenant !== undefined && told !== tenant) throw badOption('--tenant', `the tenant of ${type}, or none`, tenant);
    return row(unescapeText(escaped), own, told);
  }
  const colon = type.indexOf(':');
  if (colon !== -1) {
    const behind = type.slice(colon + 1);
    // `Comment:*` and `Comment:@acme:*` are the names of lists.
    if (/^[@*]/.test(behind)) throw noModel(type, 'an id that begins like this stands apart: Comment "@7"');
    return row(type.slice(0, colon), behind, tenant);
  }
  if (type === '') throw noModel(type);
  if (tenant !== undefined) throw badOption('--tenant', 'the tenant of a row, which has an id', `the type ${type}`);
  return type;
}

function row(type: string, id: string, tenant: string | undefined): ModelIdentity {
  if (type === '' || id === '') throw noModel(`${type || '""'} ${id || '""'}`);
  return { type, id, ...(tenant === undefined ? {} : { tenant }) };
}

function noModel(got: string, todo?: string): Error {
  const options = todo === undefined ? {} : { todo };
  return badOption('the model', 'a type, or a type and an id: Comment, Comment:7 or Comment 7', got || '""', options);
}

/** Returns the identity that a model of the command line has in the cache. */
export function identityOf(model: NamedModel): Identity {
  return new Identifier().identity(model);
}
