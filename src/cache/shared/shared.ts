import { CacheSweeperError } from '../../errors.ts';
import type { Kind, Store } from '../../stores/store.ts';
import { shownNames } from '../../util/shown.ts';
import { Sealer } from '../seal.ts';
import { Leases } from './leases.ts';
import { Packing } from './packing.ts';
import { SafeStore } from './safe-store.ts';
import { SharedCauses } from './shared-causes.ts';
import { SharedEntries } from './shared-entries.ts';
import { SharedTokens } from './shared-tokens.ts';

/** The part of a sweeper that talks to its store: tokens and entries. */
export class Shared {
  readonly tokens: SharedTokens;
  readonly entries: SharedEntries;
  /** Undefined where pages do not wait for each other. */
  readonly leases: Leases | undefined;
  /** Undefined where causes are not kept. */
  readonly causes: SharedCauses | undefined;
  readonly #store: Store;
  readonly #safe: SafeStore;
  readonly #onError: (error: unknown) => void;
  #damaged = 0;

  /** @param delivered called with the names of lost bumps that a retry has delivered */
  constructor(
    store: Store,
    settings: {
      readonly namespace: string;
      readonly version: number;
      readonly secrets: readonly string[];
      readonly now: () => number;
      readonly outage: number;
      readonly timeout: number;
      readonly wait: number;
      readonly causes: boolean;
    },
    onError: (error: unknown) => void,
    delivered: (names: readonly string[]) => void,
  ) {
    this.#store = store;
    this.#onError = onError;
    this.#safe = new SafeStore(store, onError);
    const sealer = new Sealer(settings.secrets);
    const onDamaged = (kind: Kind, names: readonly string[]) => this.#reportDamaged(kind, names);
    this.tokens = new SharedTokens(this.#safe, sealer, settings, settings.now, onDamaged, delivered, settings.outage);
    this.entries = new SharedEntries(
      this.#safe,
      new Packing(sealer, store.compressFrom ?? Number.POSITIVE_INFINITY),
      onDamaged,
    );
    this.leases = settings.wait > 0 ? new Leases(this.#safe, sealer, settings) : undefined;
    this.causes = settings.causes ? new SharedCauses(this.#safe, sealer, settings) : undefined;
    store.onError?.(onError);
  }

  /** Number of values from the store that could not be opened or parsed. */
  get damaged(): number {
    return this.#damaged;
  }

  /** The store's own statistics, if it has any. */
  get storeStats(): object | undefined {
    return this.#store.stats?.();
  }

  /** Ends the store's connections. */
  close(): Promise<void> {
    this.leases?.close();
    return this.#safe.close();
  }

  #reportDamaged(kind: Kind, names: readonly string[]): void {
    this.#damaged += names.length;
    this.#onError(
      new CacheSweeperError(
        'CACHESWEEPER_STORE_DAMAGED',
        `the store gave back a damaged ${kind} for ${shownNames(names)}: not served. Stored with another secret, by another ` +
          'version of this package, or changed by someone else',
      ),
    );
  }
}
