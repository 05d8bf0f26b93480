/**
 * Chooses a server for a key by rendezvous hashing (Thaler and Ravishankar, 1996): each server gets a score for the
 * key, and the highest wins. When a server is added or removed, only the keys that it wins move. The order of the list
 * does not matter.
 */
export class Spread {
  readonly #seeds: readonly number[];

  constructor(labels: readonly string[]) {
    this.#seeds = labels.map(hash);
  }

  /** Returns the index of the key's server in the list. */
  server(key: string): number {
    if (this.#seeds.length === 1) return 0;
    const hashed = hash(key);
    let best = 0;
    let highest = -1;
    for (let i = 0; i < this.#seeds.length; i++) {
      const score = mix(hashed ^ (this.#seeds[i] as number));
      if (score > highest) {
        highest = score;
        best = i;
      }
    }
    return best;
  }
}

/** FNV-1a, 32 bits (RFC 9923). */
function hash(text: string): number {
  let hashed = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hashed = Math.imul(hashed ^ text.charCodeAt(i), 0x01000193);
  return mix(hashed);
}

/** The finaliser of MurmurHash3 (Appleby): each input bit changes about half of the output bits. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
