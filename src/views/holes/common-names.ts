type Variables = Readonly<Record<string, unknown>>;

/**
 * Returns the variables of a visitor that middleware gives to all pages under the same name, with the same value. A page
 * that has another one of that name, such as the user of a profile, may by chance be asked for by that very user first: then
 * only what others find there tells the two apart. So the names are in the key.
 */
export function commonNames(visitor: Variables, locals: object): ReadonlySet<string> {
  return new Set(Object.keys(visitor).filter((name) => isSame(visitor, locals as Variables, name)));
}

function isSame(visitor: Variables, locals: Variables, name: string): boolean {
  try {
    return name in locals && Object.is(locals[name], visitor[name]);
  } catch {
    // A getter of middleware throws.
    return false;
  }
}
