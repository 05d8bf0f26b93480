/** Addresses that the crawler asks for, each once. */
export const ADDRESSES = 100_000;
/** Pages that visitors come back to, and the room for them. */
export const POPULAR = 1_000;
export const ROOM = 1.2 * POPULAR;

/**
 * Returns the share of hits that visitors of popular pages have while a crawler passes: between two of its requests there is
 * one of theirs, for a page at random. The same in each run.
 *
 * @param ask asks for an address; returns whether it was kept
 */
export async function hitRatio(
  ask: (address: string) => boolean | Promise<boolean>,
  addresses = ADDRESSES,
): Promise<number> {
  let seed = 1;
  // Numerical Recipes' linear congruential generator.
  const random = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const popular = () => ask(`/popular/${Math.floor(random() * POPULAR)}`);
  // A day without a crawler.
  for (let i = 0; i < 20 * POPULAR; i++) await popular();
  let hits = 0;
  for (let i = 0; i < addresses; i++) {
    if (await popular()) hits++;
    await ask(`/crawled/${i}`);
  }
  return hits / addresses;
}

/** Returns what {@link hitRatio} asks, for a cache that is filled by whoever does not find something. */
export function asking(cache: { get(key: string): unknown; set(key: string, value: object): unknown }) {
  return (address: string): boolean => {
    if (cache.get(address) !== undefined) return true;
    cache.set(address, {});
    return false;
  };
}
