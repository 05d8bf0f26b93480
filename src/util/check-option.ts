import { CacheSweeperError } from '../errors.ts';

/**
 * Makes the error for an argument or option that is not what it should be.
 *
 * @param what names it: `option memory`, `cacheView() ttl`
 * @param got describes what was given, and shows no secret
 * @param todo what to do, unless `expected` says it
 */
export function badOption(
  what: string,
  expected: string,
  got: string,
  { todo, ...options }: ErrorOptions & { readonly todo?: string } = {},
): CacheSweeperError {
  const remedy = todo === undefined ? '' : `; ${todo}`;
  return new CacheSweeperError(
    'CACHESWEEPER_BAD_OPTION',
    `${what}: expected ${expected}, got ${got}${remedy}`,
    options,
  );
}

/**
 * Checks that options have no unknown names. Most often such a name is misspelt, and the option would not count.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function checkNames(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw badOption(`${what} ${unknown}`, `one of ${known.join(', ')}`, 'an unknown name');
}
