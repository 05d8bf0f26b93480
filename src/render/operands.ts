import { milliseconds as durationOf } from '../duration.ts';
import { CacheSweeperError } from '../errors.ts';
import { canonicalList } from '../fragment/canonical.ts';
import { describe } from '../fragment/describe.ts';
import type { Identifier, Identity } from '../fragment/identity.ts';
import { canonicalKey, type KeyModel, type KeyParts, safeKey } from '../fragment/key.ts';
import { ownName } from '../fragment/names.ts';
import type { Settings } from '../options.ts';
import type { LocalTokens } from '../stores/local-tokens.ts';
import type { Place } from './fragments.ts';
import type { Render } from './render.ts';

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
  readonly #tokens: LocalTokens;

  constructor(settings: Settings, identifier: Identifier, tokens: LocalTokens) {
    this.#settings = settings;
    this.#identifier = identifier;
    this.#tokens = tokens;
  }

  /**
   * The key of a fragment now; undefined when its tag was given an empty list of models: nothing could sweep it.
   *
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT, CACHESWEEPER_BAD_KEY,
   *   CACHESWEEPER_BAD_TTL
   */
  make(render: Render, place: Place, operands: Operands): MadeKey | undefined {
    const { model, type, using } = operands;
    milliseconds(operands.ttl);
    const given = Array.isArray(model) ? model : [model];
    const models = given.map((one) => this.#keyModel(this.identity(one, type)));
    if (models.length === 0) return undefined;
    const keys = canonicalList(operands.keys, 'key', (instance) => {
      const identity = this.#identifier.identityOfInstance(instance);
      if (identity === undefined) return undefined;
      const keyModel = this.#keyModel(identity);
      models.push(keyModel);
      return `Model(${JSON.stringify(keyModel.name)})`;
    });
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
    const chosen: unknown = this.#settings.key === undefined ? canonical : this.#settings.key(parts);
    return {
      key: safeKey(
        typeof chosen === 'string' ? chosen : canonicalList([chosen], 'the result of the key option'),
        parts,
      ),
      canonical,
      models,
    };
  }

  /** @param type the value of `type=`, null or undefined when there is none */
  identity(model: unknown, type: unknown): Identity {
    if (type === null || type === undefined) return this.#identifier.identity(model);
    if (typeof type === 'string') return this.#identifier.identity(model, type);
    throw new CacheSweeperError('CACHESWEEPER_NO_IDENTITY', `type= expected the name of a type, got ${describe(type)}`);
  }

  #keyModel({ type, id }: Identity): KeyModel {
    const name = ownName({ type, id });
    return { type, id, name, token: this.#tokens.get(name) };
  }
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
