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
import { notCalled } from './lazy.ts';
import { EMPTY_LIST, type KeyStart, MemoryKeys } from './memory-keys.ts';
import type { Operands, Place } from './place.ts';
import type { Render } from './render.ts';

/** The values of one use of a fragment tag, as far as they identify the fragment. */
export interface FragmentKey {
  readonly place: Place;
  /** The models that the tag names, including those among its keys. */
  readonly models: readonly Identity[];
  /** The objects of these models. Values below them belong to the models, so only their presence is compared. */
  readonly objects: readonly object[];
  /** Canonical texts: of the tag's keys, and of the attributes named by `using`. */
  readonly keys: string;
  readonly using: string;
  /**
   * Identifies the fragment within this process, without tokens: the memory tier keeps the latest entries of each
   * memory key.
   */
  readonly memoryKey: string;
}

/** The keys that a tag had last. In most tags they are literals, so they are the same at each use. */
interface LastKeys {
  readonly values: readonly unknown[];
  readonly vary: string;
  readonly text: string;
  readonly start: KeyStart;
}

/** The parts of a key in the store, except the digest of the values that the body read. */
export type FragmentParts = Omit<KeyParts, 'reads'>;

/** Builds fragment keys. */
export class KeyMaker {
  readonly #settings: Settings;
  readonly #identifier: Identifier;
  readonly #memoryKeys: MemoryKeys;
  readonly #last = new WeakMap<Place, LastKeys>();

  constructor(settings: Settings, identifier: Identifier) {
    this.#settings = settings;
    this.#identifier = identifier;
    this.#memoryKeys = new MemoryKeys(settings);
  }

  /**
   * Returns the key of one use of a tag; undefined when its list of models is empty, because then no bump could
   * invalidate the fragment.
   *
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT, CACHESWEEPER_BAD_KEY
   */
  make({ vary }: Render, place: Place, operands: Operands): FragmentKey | undefined {
    const { model, type, keys } = operands;
    const models = Array.isArray(model) ? this.#ofList(model, type) : [this.identity(model, type)];
    if (models.length === 0) return undefined;
    const objects = Array.isArray(model) ? model.filter(isObject) : isObject(model) ? [model] : [];
    const using = usingText(model, operands.using);
    const last = this.#last.get(place);
    const isSame = last !== undefined && last.vary === vary && areSame(keys, last.values);
    const { text, start } = isSame ? last : this.#keys(place, vary, keys, models, objects);
    return { place, models, objects, keys: text, using, memoryKey: this.#memoryKeys.of(start, models, using) };
  }

  /**
   * Returns the identities of the models that the tag `depends` names. Null is skipped: there is nothing to depend on.
   * Undefined is an error, because a name with a typing error would lose the dependency.
   */
  identities(operands: readonly unknown[], type: unknown): Identity[] {
    return operands.flatMap((operand) => {
      if (Array.isArray(operand)) return this.#ofList(operand, type);
      return isNoNull(operand) ? [this.identity(operand, type)] : [];
    });
  }

  /** Returns the identities of a list of models, without null. With `type=` an empty list is the list of that type. */
  #ofList(list: readonly unknown[], type: unknown): Identity[] {
    const models = list.filter(isNoNull).map((model) => this.identity(model, type));
    return models.length === 0 && typeof type === 'string' ? [this.identity(type, undefined)] : models;
  }

  /**
   * Returns the text of the tag's keys, and appends the models among them to the lists.
   *
   * @param models receives the models
   * @param objects receives the objects of these models
   */
  #keys(place: Place, vary: string, values: readonly unknown[], models: Identity[], objects: object[]): LastKeys {
    if (values.some(isLazy)) notCalled();
    const text = canonicalList(values, 'key', (instance) => {
      const identity = this.#identifier.identityOfInstance(instance);
      if (identity === undefined) return undefined;
      models.push(identity);
      objects.push(instance);
      return `Model(${JSON.stringify(ownName(identity))})`;
    });
    const last = { values, vary, text, start: this.#memoryKeys.start(place, text, vary) };
    // Do not remember objects: their content may change, and they may belong to one visitor.
    if (values.every(isFixed)) this.#last.set(place, last);
    return last;
  }

  /**
   * Returns the parts of a fragment's key in the store. Returns `pending` when a token is not known yet, `unknown
   * token` when one cannot be read.
   */
  parts({ reader, vary }: Render, fragment: FragmentKey): FragmentParts | 'pending' | 'unknown token' {
    const models: KeyModel[] = [];
    let missing: 'pending' | 'unknown token' | undefined;
    for (const identity of fragment.models) {
      // The tokens of the other names are needed as well; ask for them in the same round trip.
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
   * Returns the fragment's key in the store, for the values that the paths of its body have.
   *
   * @param reads digest of paths and values
   */
  stored(fragment: FragmentParts, reads: string): StoredKey {
    const parts = { ...fragment, reads };
    const canonical = canonicalKey(parts);
    // If the `key` option returns no text, use the default key.
    const chosen: unknown = this.#settings.key?.({ ...parts });
    return { key: safeKey(typeof chosen === 'string' ? chosen : canonical, parts), canonical };
  }

  /** Returns the key in the store of a tag's record, which lists the paths that its bodies read. */
  record(place: Place): StoredKey {
    const canonical = `${keyStart({ ...this.#settings, ...place })}reads`;
    return { key: safeKey(canonical, this.#settings), canonical };
  }

  /** Returns the identity of an instance, if it has one. */
  identityOfInstance(instance: object): Identity | undefined {
    return this.#identifier.identityOfInstance(instance);
  }

  /**
   * Returns the identity of a model that a tag names.
   *
   * @param type value of `type=`; null or undefined when there is none
   */
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

function isNoNull(value: unknown): boolean {
  return value !== null;
}

function isFixed(value: unknown): boolean {
  return (typeof value !== 'object' || value === null) && typeof value !== 'function';
}

function areSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  return some.length === others.length && some.every((value, i) => Object.is(value, others[i]));
}

/** Returns the canonical text of the attributes named by `using`, of every model that the tag names. */
function usingText(model: unknown, using: unknown): string {
  if (using === null || using === undefined) return EMPTY_LIST;
  const models: readonly unknown[] = Array.isArray(model) ? model.filter(isNoNull) : [model];
  return canonicalList(
    models.map((one) => usingValue(one, using)),
    'the attribute named by using=, of model',
  );
}
