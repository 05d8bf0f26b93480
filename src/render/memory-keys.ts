import { keyStart } from '../cache/key.ts';
import type { Identity } from '../model/identity.ts';
import { ownName } from '../model/names.ts';
import type { Settings } from '../options.ts';
import { lru } from '../util/lru.ts';
import type { Place } from './place.ts';

/** Canonical text of a list without elements. */
export const EMPTY_LIST = '[]';

/** Limit of numbered tags; each takes about 200 bytes. */
const MAX_NUMBERS = 10_000;
/** Limit of memory keys that are remembered, of all tags together; each takes about 150 bytes. */
const MAX_REMEMBERED = 10_000;

/** The part of memory keys that a tag and its keys determine. */
export interface KeyStart {
  readonly text: string;
  /** Memory keys of one model each, by type and id; from the second use on, because some keys are never used again. */
  remembered: Remembered | undefined;
}

type Remembered = Map<string, Map<string | undefined, string>>;

/**
 * Makes the keys of the memory tier. They have no tokens in them. Those for one model are remembered: putting a key
 * together and hashing it takes a tenth of the time of a page of hits.
 */
export class MemoryKeys {
  readonly #settings: Settings;
  /** Numbers of tags. No number is used twice, so entries under a forgotten number are never found again. */
  readonly #numbers = lru<number>(MAX_NUMBERS);
  #nextNumber = 0;
  /** The maps that have something in them, and how much there is in all. */
  readonly #filled = new Set<Remembered>();
  #size = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Returns the start of the keys of a tag, for canonical texts of its keys and of `vary`. */
  start(place: Place, keys: string, vary: string): KeyStart {
    const text = `${this.#numberOf(place)} ${keys}${vary === EMPTY_LIST ? '' : `v${vary}`}`;
    return { text, remembered: undefined };
  }

  /** @param using canonical text of the attributes that `using=` names */
  of(start: KeyStart, models: readonly Identity[], using: string): string {
    const [model] = models;
    return models.length === 1 && model !== undefined && model.tenant === undefined && using === EMPTY_LIST
      ? this.#ofOne(start, model)
      : start.text + end(models, using);
  }

  #ofOne(start: KeyStart, model: Identity): string {
    const known = start.remembered?.get(model.type)?.get(model.id);
    if (known !== undefined) return known;
    const key = start.text + end([model], EMPTY_LIST);
    if (start.remembered === undefined) start.remembered = new Map();
    else this.#remember(start.remembered, model, key);
    return key;
  }

  #remember(remembered: Remembered, { type, id }: Identity, key: string): void {
    if (this.#size >= MAX_REMEMBERED) this.#forget();
    const ofType = remembered.get(type) ?? new Map<string | undefined, string>();
    remembered.set(type, ofType.set(id, key));
    this.#filled.add(remembered);
    this.#size++;
  }

  #forget(): void {
    for (const remembered of this.#filled) remembered.clear();
    this.#filled.clear();
    this.#size = 0;
  }

  /** Returns a short number for a tag, because memory keys are put together and hashed at each use. */
  #numberOf(place: Place): number {
    const start = keyStart({ ...this.#settings, ...place });
    let number = this.#numbers.get(start);
    if (number === undefined) {
      number = this.#nextNumber++;
      this.#numbers.set(start, number);
    }
    return number;
  }
}

/**
 * Returns the end of a memory key: `using`, which is a canonical list, and the names. Each name follows its length,
 * because an id may be any text.
 */
function end(models: readonly Identity[], using: string): string {
  let text = using === EMPTY_LIST ? '' : `u${using}`;
  for (const model of models) {
    const name = ownName(model);
    text += `${name.length}:${name}`;
  }
  return text;
}
