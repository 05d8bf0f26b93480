import { LRUCache } from 'lru-cache';

/**
 * Makes a map that drops the least recently used beyond a number of entries. It grows with what is in it, because
 * `max` of lru-cache takes the memory of all entries at once: a millisecond and 200 KB for 10,000.
 */
export function lru<Value extends object | string | number>(most: number): LRUCache<string, Value> {
  return new LRUCache({ maxSize: most, sizeCalculation: () => 1 });
}
