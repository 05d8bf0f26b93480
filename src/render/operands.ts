import { milliseconds as durationOf } from '../duration.ts';
import { CacheSweeperError } from '../errors.ts';
import { canonicalList } from '../fragment/canonical.ts';
import { describe } from '../fragment/describe.ts';
import type { Identifier, Identity } from '../fragment/identity.ts';
import { canonicalKey, type KeyModel, type KeyParts, safeKey } from '../fragment/key.ts';
import { dependencyNames, ownName } from '../fragment/names.ts';
import type { Settings } from '../options.ts';
import { PENDING, UNKNOWN } from './knowledge.ts';
import { isLazy, notCalled } from './lazy.ts';
import type { Render } from './render.ts';

/** Where a tag stands. */
export interface Place {
  readonly template: string;
  readonly digest: string;
  readonly ordinal: number;
  readonly line: number;
}

/** The values of a fragment tag's arguments. */
export interface Operands {
  /** A model, or a list of models. */
  readonly model: unknown;
  readonly ttl: unknown;
  readonly keys: readonly unknown[];
  readonly type: unknown;
  readonly using: unknown;
}

/** A fragment's key, and the models its tag names. */
export interface MadeKey {
  readonly key: string;
  /** The same with nothing left out: what an entry must carry to be the one asked for. */
  readonly canonical: string;
  readonly models: readonly KeyModel[];
}

/** Builds fragment keys. */
export class KeyMaker {
  readonly #settings: Settings;
  readonly #identifier: Identifier;

  constructor(settings: Settings, identifier: Identifier) {
    this.#settings = settings;
    this.#identifier = identifier;
  }

  /**
   * The key of a fragment now, or why there is none: its tag was given an empty list of models, which nothing could
   * sweep; a token is not known yet, or cannot be read.
   *
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT, CACHESWEEPER_BAD_KEY,
   *   CACHESWEEPER_BAD_TTL
   */
  make(render: Render, place: Place, operands: Operands): MadeKey | 'no models' | 'pending' | 'unknown token' {
    const { model, type, using } = operands;
    milliseconds(operands.ttl);
    if (operands.keys.some(isLazy)) notCalled();
    const given = Array.isArray(model) ? model : [model];
    const identities = given.map((one) => this.identity(one, type));
    if (identities.length === 0) return 'no models';
    const keys = canonicalList(operands.keys, 'key', (instance) => {
      const identity = this.#identifier.identityOfInstance(instance);
      if (identity === undefined) return undefined;
      identities.push(identity);
      return `Model(${JSON.stringify(ownName(identity))})`;
    });
    const models = keyModels(identities, render);
    if (typeof models === 'string') return models;
    const parts: KeyParts = {
      namespace: this.#settings.namespace,
      version: this.#settings.version,
      template: place.template,
      digest: place.digest,
      ordinal: place.ordinal,
      models,
      keys,
      using: using === null || using === undefined ? '[]' : usingText(given, using),
      vary: render.vary,
    };
    const canonical = canonicalKey(parts);
    // Its own copy: what it does to the models must not reach the dependencies.
    const chosen: unknown =
      this.#settings.key === undefined
        ? canonical
        : this.#settings.key({ ...parts, models: models.map((each) => ({ ...each })) });
    // Anything but text tells nothing apart that the default key would not.
    return { key: safeKey(typeof chosen === 'string' ? chosen : canonical, parts), canonical, models };
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

/** The models with their tokens, once all their names' tokens are known. */
function keyModels(identities: readonly Identity[], { knowledge }: Render): KeyModel[] | 'pending' | 'unknown token' {
  const models: KeyModel[] = [];
  let missing: 'pending' | 'unknown token' | undefined;
  for (const identity of identities) {
    const name = ownName(identity);
    const token = knowledge.token(name);
    if (typeof token === 'string') models.push({ type: identity.type, id: identity.id, name, token });
    // The other names' tokens are needed as well, and asked for in the same wave.
    if (knowledge.knowsAll) continue;
    for (const each of dependencyNames(identity)) {
      const state = knowledge.token(each);
      if (state === PENDING) missing ??= 'pending';
      else if (state === UNKNOWN) missing = 'unknown token';
    }
  }
  return missing ?? models;
}

/** The attributes named by `using`, of every model that the tag names. */
function usingText(models: readonly unknown[], using: unknown): string {
  return canonicalList(
    models.map((model) => usingValue(model, using)),
    'the attribute named by using=, of model',
  );
}

/**
 * The value of the attribute that `using` names.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_KEY when the model has no such attribute: it would never change
 */
export function usingValue(model: unknown, using: unknown): unknown {
  if (typeof using !== 'string' || using === '') {
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_KEY',
      `using expected the name of an attribute, got ${describe(using)}`,
    );
  }
  const value = typeof model === 'object' && model !== null ? (model as Record<string, unknown>)[using] : undefined;
  if (value === undefined || typeof value === 'function') {
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_KEY',
      `using expected the name of an attribute of the model, got ${JSON.stringify(using)}, which ${describe(model)} does not have`,
    );
  }
  return value;
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
