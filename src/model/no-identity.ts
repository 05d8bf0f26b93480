import { CacheSweeperError } from '../errors.ts';
import { describe } from '../util/describe.ts';
import { isBsonValue } from '../util/id-text.ts';
import { isPlain } from '../util/plain.ts';

export function noIdentity(message: string): CacheSweeperError {
  return new CacheSweeperError('CACHESWEEPER_NO_IDENTITY', message);
}

/** Says what would do for a value that is no model. */
export function refuse(model: unknown): never {
  let remedy =
    'pass a model, a class or the name of a type; where there may be none, write when=comment: ' +
    '{% cachesweeper comment 500 when=comment %}';
  if (model !== null && model !== undefined) remedy = 'pass a model, a class or the name of a type';
  if (typeof model === 'object' && model !== null && isBsonValue(model)) {
    remedy = 'it is an id alone: pass the model, or { type, id }';
  } else if (typeof model === 'object' && model !== null) {
    remedy = isPlain(model)
      ? 'for a plain row say its type: type="Comment"; or pass { type, id }'
      : 'give it an id, a cacheIdentity, or register(theClass, { id })';
  } else if (typeof model === 'function') {
    remedy =
      'Nunjucks wraps a class that is looked up in an object: name the type, "Comment", or pass the class as a variable of its own';
  }
  throw noIdentity(`expected a model with an identity, got ${describe(model)}; ${remedy}`);
}
