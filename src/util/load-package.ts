/**
 * Loads an optional package. Bundlers do not look for it, because it may not be there.
 *
 * @throws when it is not installed
 */
export async function loadPackage<T>(name: string): Promise<T> {
  const loaded = (await import(/* @vite-ignore */ name)) as { readonly default?: object };
  return { ...loaded.default, ...loaded } as T;
}
