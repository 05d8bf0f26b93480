import { leaseKey, type StoredKey } from '../cache/key.ts';
import { PENDING } from '../cache/token-reader.ts';
import type { Reads } from '../reads/reads.ts';
import { NO_READS, type ReadShape, storedShape } from '../reads/shape.ts';
import { KeyCollector } from '../reads/sinks.ts';
import { walk } from '../reads/walk.ts';
import type { Scope } from '../reads/world.ts';
import { digest } from '../util/digest.ts';
import type { FragmentParts, KeyMaker } from './fragment-key.ts';
import type { Place } from './place.ts';
import type { Records } from './records.ts';
import type { Render } from './render.ts';

const CHARACTERS = 22;

/**
 * Makes the keys of fragments in the store: from the values that the tag names, and the values that the paths of the
 * tag's record have where the tag stands. The store has one record for each tag; a render asks for it once, together
 * with the entries.
 */
export class StoredKeys {
  readonly #keys: KeyMaker;
  readonly #records: Records;

  constructor(keys: KeyMaker, records: Records) {
    this.#keys = keys;
    this.#records = records;
  }

  /** Asks for a tag's record, if this process does not know one. */
  ask(render: Render, place: Place): void {
    const { key, canonical } = this.#keys.record(place);
    if (this.#records.known(key) === undefined) render.reader.entry(key, canonical);
  }

  /** Returns the paths that the bodies of a tag read, as far as this process knows the tag's record. */
  known(place: Place): ReadShape | undefined {
    return this.#records.known(this.#keys.record(place).key);
  }

  /** Returns the key to look under; undefined when the store can have no entry, `pending` while that is not known. */
  find(render: Render, place: Place, parts: FragmentParts, scope: Scope): StoredKey | 'pending' | undefined {
    const { key, canonical } = this.#keys.record(place);
    const record = render.reader.entry(key, canonical);
    let shape = this.#records.known(key);
    if (record === PENDING) {
      if (shape === undefined) return 'pending';
    } else {
      const stored = record && storedShape(record.html);
      if (stored !== undefined) shape = this.#records.learn(key, stored);
    }
    return shape && this.#key(parts, shape, scope);
  }

  /**
   * Whether the record has not arrived yet. Until then the body is not rendered, because the record may lead to an
   * entry.
   */
  isOpen(render: Render, place: Place): boolean {
    const { key, canonical } = this.#keys.record(place);
    return render.reader.entry(key, canonical) === PENDING;
  }

  /**
   * Returns the key for a fragment that was rendered. If the record has grown, it is written together with the entry.
   */
  made(render: Render, place: Place, parts: FragmentParts, scope: Scope, reads: Reads): StoredKey | undefined {
    const record = this.#keys.record(place);
    const shape = this.#records.learn(record.key, reads.shape);
    const known = render.reader.known(record.key, record.canonical);
    if (known?.html !== shape.text) render.records.set(record.key, { ...record, shape });
    const key = this.#key(parts, shape, scope);
    return key === 'pending' ? undefined : key;
  }

  /**
   * Returns the key of the lease for a fragment that is to be made: its key, as far as what its body reads is known, and the tokens
   * of all that the invalid entry there was made from.
   */
  lease({ reader }: Render, place: Place, parts: FragmentParts, scope: Scope): string | 'pending' {
    const shape = this.known(place) ?? NO_READS;
    const stored = this.#key(parts, shape, scope);
    if (stored === 'pending') return stored;
    const tokens: string[] = [];
    let isPending = false;
    let isBumped = false;
    const { dependencies } = reader.known(stored.key, stored.canonical) ?? { dependencies: [] };
    for (let i = 0; i < dependencies.length; i += 2) {
      const token = reader.token(dependencies[i] as string);
      if (token === PENDING) isPending = true;
      else tokens.push(String(token));
      isBumped ||= token !== dependencies[i + 1];
    }
    if (isPending) return 'pending';
    // Processes do not forget an entry whose ttl is over at the same time.
    return leaseKey([stored.canonical, ...(isBumped ? tokens : [])].join('\n'), parts);
  }

  #key(parts: FragmentParts, shape: ReadShape, scope: Scope): StoredKey | 'pending' {
    if (shape === NO_READS) return this.#keys.stored(parts, '');
    const collector = new KeyCollector();
    walk(shape, scope, collector);
    if (collector.isPending) return 'pending';
    return this.#keys.stored(parts, digest(`${shape.text}\n${collector.text}`, CHARACTERS));
  }
}
