import { LRUCache } from 'lru-cache';
import { canonicalKey, type KeyModel, type KeyParts, keyStart, type StoredKey, safeKey } from '../cache/key.ts';
import { PENDING, UNKNOWN } from '../cache/token-reader.ts';
import { CacheSweeperError } from '../errors.ts';
import { usingValue } from '../model/attribute.ts';
import type { Identifier, Identity } from '../model/identity.ts';
import { dependencyNames, ownName } from '../model/names.ts';
import type { Settings } from '../options.ts';
import { isLazy } from '../reads/lazies.ts';
import { canonicalList } from '../util/canonical.ts';
import { describe } from '../util/describe.ts';
import { milliseconds as durationOf } from '../util/duration.ts';
import { notCalled } from './lazy.ts';
import type { Operands, Place } from './place.ts';
import type { Render } from './render.ts';

/** A fragment as its tag asks for it. */
export interface FragmentKey {
  readonly place: Place;
  /** The models that the tag names, those among its keys as well. */
  readonly models: readonly Identity[];
  /** The objects that they are: what is below them is theirs. */
  readonly objects: readonly object[];
  /** Canonical text of the tag's keys, and of the attributes named by `using`. */
  readonly keys: string;
  readonly using: string;
  /** Tells it from every other fragment in this process, whatever the tokens: the memory tier has the last of each. */
  readonly memoryKey: string;
}

/** The keys that a tag had last: in most tags they are written out, and never change. */
interface LastKeys {
  readonly values: readonly unknown[];
  readonly vary: string;
  readonly text: string;
  /** What `memoryKey` starts with. */
  readonly start: string;
}

/** What a key in the store is made of, but for what the body read. */
export type FragmentParts = Omit<KeyParts, 'reads'>;

const EMPTY_LIST = '[]';
/** Tags that have a number; about 200 bytes each. */
const MAX_NUMBERS = 10_000;

/** Builds fragment keys. */
export class KeyMaker {
  readonly #settings: Settings;
  readonly #identifier: Identifier;
  readonly #last = new WeakMap<Place, LastKeys>();
  /** No number is used again: what was stored under a forgotten one is not found any more. */
  readonly #numbers = new LRUCache<string, number>({ max: MAX_NUMBERS });
  #nextNumber = 0;

  constructor(settings: Settings, identifier: Identifier) {
    this.#settings = settings;
    this.#identifier = identifier;
  }

  /**
   * What a tag asks for; undefined when it was given an empty list of models, which nothing could sweep.
   *
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT, CACHESWEEPER_BAD_KEY,
   *   CACHESWEEPER_BAD_TTL
   */
  make({ vary }: Render, place: Place, operands: Operands): FragmentKey | undefined {
    const { model, type, keys } = operands;
    milliseconds(operands.ttl);
    const models = Array.isArray(model) ? model.map((one) => this.identity(one, type)) : [this.identity(model, type)];
    if (models.length === 0) return undefined;
    const objects = (Array.isArray(model) ? model : [model]).filter(isObject);
    const using = usingText(model, operands.using);
    const last = this.#last.get(place);
    const isSame = last !== undefined && last.vary === vary && areSame(keys, last.values);
    const { text, start } = isSame ? last : this.#keys(place, vary, keys, models, objects);
    return { place, models, objects, keys: text, using, memoryKey: start + nearEnd(models, using) };
  }

  /** @param models the models that are among the keys are added to these */
  #keys(place: Place, vary: string, values: readonly unknown[], models: Identity[], objects: object[]): LastKeys {
    if (values.some(isLazy)) notCalled();
    const text = canonicalList(values, 'key', (instance) => {
      const identity = this.#identifier.identityOfInstance(instance);
      if (identity === undefined) return undefined;
      models.push(identity);
      objects.push(instance);
      return `Model(${JSON.stringify(ownName(identity))})`;
    });
    const start = `${this.#numberOf(place)} ${text}${vary === EMPTY_LIST ? '' : `v${vary}`}`;
    const last = { values, vary, text, start };
    // What can change inside, or belongs to one visitor, is not kept.
    if (values.every(isFixed)) this.#last.set(place, last);
    return last;
  }

  /** Stands for a tag in keys of the process: they are put together, and hashed, at each use. */
  #numberOf(place: Place): number {
    const start = keyStart({ ...this.#settings, ...place });
    let number = this.#numbers.get(start);
    if (number === undefined) {
      number = this.#nextNumber++;
      this.#numbers.set(start, number);
    }
    return number;
  }

  /** The parts of a fragment's key in the store, or why there are none: a token is not known yet, or cannot be read. */
  parts({ reader, vary }: Render, fragment: FragmentKey): FragmentParts | 'pending' | 'unknown token' {
    const models: KeyModel[] = [];
    let missing: 'pending' | 'unknown token' | undefined;
    for (const identity of fragment.models) {
      // The other names' tokens are needed as well, and asked for in the same round trip.
      for (const name of dependencyNames(identity)) {
        const token = reader.token(name);
        if (token === PENDING) missing ??= 'pending';
        else if (token === UNKNOWN) missing = 'unknown token';
        else if (name === ownName(identity)) models.push({ ...identity, name, token });
      }
    }
    if (missing !== undefined) return missing;
    const { namespace, version } = this.#settings;
    const { template, digest, ordinal } = fragment.place;
    const { keys, using } = fragment;
    return { namespace, version, template, digest, ordinal, models, keys, using, vary };
  }

  /**
   * The fragment's key in the store for the values that its body's paths have.
   *
   * @param reads digest of paths and values
   */
  stored(fragment: FragmentParts, reads: string): StoredKey {
    const parts = { ...fragment, reads };
    const canonical = canonicalKey(parts);
    // Anything but text tells nothing apart that the default key would not.
    const chosen: unknown = this.#settings.key?.({ ...parts });
    return { key: safeKey(typeof chosen === 'string' ? chosen : canonical, parts), canonical };
  }

  /** The key in the store of what the bodies of a tag read. */
  record(place: Place): StoredKey {
    const canonical = `${keyStart({ ...this.#settings, ...place })}reads`;
    return { key: safeKey(canonical, this.#settings), canonical };
  }

  /** The identity of an instance that has one. */
  identityOfInstance(instance: object): Identity | undefined {
    return this.#identifier.identityOfInstance(instance);
  }

  /** @param type the value of `type=`, null or undefined when there is none */
  identity(model: unknown, type: unknown): Identity {
    if (isLazy(model)) notCalled();
    if (type === null || type === undefined) return this.#identifier.identity(model);
    if (typeof type === 'string') return this.#identifier.identity(model, type);
    throw new CacheSweeperError('CACHESWEEPER_NO_IDENTITY', `type= expected the name of a type, got ${describe(type)}`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isFixed(value: unknown): boolean {
  return (typeof value !== 'object' || value === null) && typeof value !== 'function';
}

function areSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((value, i) => Object.is(value, others[i]));
}

/** Each name with its length in front, because an id may be any text; `using` is a canonical list. */
function nearEnd(models: readonly Identity[], using: string): string {
  let text = using === EMPTY_LIST ? '' : `u${using}`;
  for (const model of models) {
    const name = ownName(model);
    text += `${name.length}:${name}`;
  }
  return text;
}

/** The attributes named by `using`, of every model that the tag names. */
function usingText(model: unknown, using: unknown): string {
  if (using === null || using === undefined) return EMPTY_LIST;
  const models: readonly unknown[] = Array.isArray(model) ? model : [model];
  return canonicalList(
    models.map((one) => usingValue(one, using)),
    'the attribute named by using=, of model',
  );
}

/**
 * A ttl in milliseconds; 0 for no expiry.
 *
 * @param ttl seconds, or text such as "10m"
 * @throws CacheSweeperError CACHESWEEPER_BAD_TTL
 */
export function milliseconds(ttl: unknown): number {
  if (typeof ttl === 'number' && ttl >= 0 && Number.isFinite(ttl)) return ttl * 1_000;
  const duration = durationOf(ttl);
  if (duration !== undefined) return duration;
  throw new CacheSweeperError(
    'CACHESWEEPER_BAD_TTL',
    `the ttl expected a number of seconds (0 for no expiry) or text such as "10m", got ${describe(ttl)}`,
  );
}
