import type { Identity } from '../model/identity.ts';
import { ownName } from '../model/names.ts';
import type { Engine } from '../render/engine.ts';
import { type ExpiredViews, expiredBy, type ViewTarget } from './expire.ts';
import { Routes } from './routes.ts';

/** What whole views need of a sweeper. */
export class Views {
  readonly engine: Engine;
  readonly routes: Routes = new Routes();
  /** Hands on an error that nobody waits for. */
  readonly report: (error: unknown) => void;
  readonly #bump: (names: ReadonlySet<string>) => Promise<void>;

  constructor(parts: {
    readonly engine: Engine;
    readonly bump: (names: ReadonlySet<string>) => Promise<void>;
    readonly report: (error: unknown) => void;
  }) {
    this.engine = parts.engine;
    this.report = parts.report;
    this.#bump = parts.bump;
  }

  /** Whether anything may be cached. */
  get isEnabled(): boolean {
    return this.engine.settings.enabled !== false && !this.engine.isClosed;
  }

  /** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_BUMP_FAILED */
  async expire(target: ViewTarget): Promise<ExpiredViews> {
    const expired = expiredBy(target, this.routes);
    await this.#bump(new Set(expired.names));
    return expired;
  }

  /** @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT */
  identities(models: unknown): Identity[] {
    const list: readonly unknown[] = Array.isArray(models) ? models : [models];
    const { keys } = this.engine;
    return list.map((model) => keys.identity(model, undefined));
  }

  /** The name of an instance that has an identity, to stand for it in a key. */
  nameOfInstance(instance: object): string | undefined {
    const identity = this.engine.keys.identityOfInstance(instance);
    return identity && `Model(${JSON.stringify(ownName(identity))})`;
  }
}
