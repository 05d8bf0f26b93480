import type { Identity } from '../model/identity.ts';
import { ownName } from '../model/names.ts';
import { PrivateNames } from '../reads/private-names.ts';
import type { Engine } from '../render/engine.ts';
import type { BumpedNames } from '../reporting/report.ts';
import { type ExpiredViews, expiredBy, type ViewTarget } from './expire.ts';
import { Routes } from './routes.ts';
import { ViewKeys } from './view-keys.ts';
import { ViewMakings } from './view-makings.ts';
import { byPath, onHost, viewIdentity } from './view-names.ts';

/** A `CacheSweeper`. */
export interface SweeperLike {
  readonly expireView: (target: ViewTarget) => Promise<ExpiredViews>;
}

/** The views of each sweeper. They are kept here, because a property of the sweeper would be seen by its users. */
const viewsOfSweepers = new WeakMap<object, Views>();

/** Returns the views of a sweeper; undefined for any other value. */
export function viewsOf(sweeper: unknown): Views | undefined {
  return viewsOfSweepers.get(sweeper as object);
}

/** The part of a sweeper that whole views use. */
export class Views {
  readonly engine: Engine;
  readonly routes: Routes = new Routes();
  readonly keys: ViewKeys;
  readonly makings: ViewMakings;
  /** Reports an error of work that no caller waits for. */
  readonly report: (error: unknown) => void;
  /** Completes reports of views whose names were bumped, and calls back then. */
  readonly withCauses: (bumped: BumpedNames, told: () => void) => void;
  readonly #bump: (names: ReadonlySet<string>) => Promise<void>;
  readonly #privateNames: PrivateNames;
  #count = 0;

  constructor(
    sweeper: SweeperLike,
    parts: {
      readonly engine: Engine;
      readonly bump: (names: ReadonlySet<string>) => Promise<void>;
      readonly report: (error: unknown) => void;
      readonly withCauses: (bumped: BumpedNames, told: () => void) => void;
    },
  ) {
    viewsOfSweepers.set(sweeper, this);
    this.engine = parts.engine;
    this.report = parts.report;
    this.withCauses = parts.withCauses;
    this.#bump = parts.bump;
    this.keys = new ViewKeys(parts.engine.settings);
    this.makings = new ViewMakings(parts.engine.settings, parts.engine.entries, () => parts.engine.isInTransaction);
    this.#privateNames = new PrivateNames(parts.engine.settings.private);
  }

  /** Whether anything may be cached. */
  get isEnabled(): boolean {
    return this.engine.settings.enabled !== false && !this.engine.isClosed;
  }

  /**
   * Invalidates views by bumping their names.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_BUMP_FAILED
   */
  async expire(target: ViewTarget): Promise<ExpiredViews> {
    const expired = expiredBy(target, this.routes);
    await this.#bump(new Set(expired.names));
    return expired;
  }

  /**
   * Expires the views of some paths after a write, on one host or on all. Its errors are reported: the write itself has
   * succeeded.
   */
  async expireWritten(paths: Iterable<string>, host: string | undefined): Promise<void> {
    const ids = Array.from(paths, byPath);
    const names = (host === undefined ? ids : ids.map((id) => onHost(host, id))).map((id) => ownName(viewIdentity(id)));
    try {
      await this.#bump(new Set(names));
    } catch (error) {
      this.report(error);
    }
  }

  /**
   * Returns the identities of a model or a list of models. Null in a list is skipped.
   *
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT
   */
  identities(models: unknown): Identity[] {
    const { keys } = this.engine;
    return Array.isArray(models) ? keys.identities(models, undefined) : [keys.identity(models, undefined)];
  }

  /** Whether a value of this name belongs to a visitor. */
  isPrivate(name: string): boolean {
    return this.#privateNames.privateLength([name]) !== undefined;
  }

  /** Returns the identity of an instance, if it is a model. */
  identityOf(instance: object): Identity | undefined {
    return this.engine.keys.identityOfInstance(instance);
  }

  /** Returns a number for a `cacheView`. It is the same in all processes that make theirs in the same order. */
  nextNumber(): number {
    this.#count += 1;
    return this.#count;
  }

  /** Returns the text that stands for an instance in a key, if the instance has an identity. */
  nameOfInstance(instance: object): string | undefined {
    const identity = this.identityOf(instance);
    return identity && `Model(${JSON.stringify(ownName(identity))})`;
  }
}
