import { CacheSweeperError } from '../../errors.ts';
import type { Kind, Store } from '../../stores/store.ts';
import { Sealer } from '../seal.ts';
import { SafeStore } from './safe-store.ts';
import { SharedEntries } from './shared-entries.ts';
import { SharedTokens } from './shared-tokens.ts';

/** A report shows no more names than this. */
const MAX_SHOWN = 10;

/** What a sweeper shares with others through its store. */
export class Shared {
  readonly tokens: SharedTokens;
  readonly entries: SharedEntries;
  readonly #store: Store;
  readonly #safe: SafeStore;
  readonly #onError: (error: unknown) => void;
  #damaged = 0;

  /** @param delivered called with lost bumps that a retry has delivered */
  constructor(
    store: Store,
    settings: {
      readonly namespace: string;
      readonly version: number;
      readonly secrets: readonly string[];
      readonly now: () => number;
    },
    onError: (error: unknown) => void,
    delivered: (names: readonly string[]) => void,
  ) {
    this.#store = store;
    this.#onError = onError;
    this.#safe = new SafeStore(store, onError);
    const sealer = new Sealer(settings.secrets);
    const onDamaged = (kind: Kind, names: readonly string[]) => this.#reportDamaged(kind, names);
    this.tokens = new SharedTokens(this.#safe, sealer, settings, settings.now, onDamaged, delivered);
    this.entries = new SharedEntries(this.#safe, sealer, onDamaged);
    store.onError?.(onError);
  }

  /** Values that came back from the store and were none of ours. */
  get damaged(): number {
    return this.#damaged;
  }

  /** What the store tells of itself. */
  get storeStats(): object | undefined {
    return this.#store.stats?.();
  }

  /** Ends the store's connections. */
  close(): Promise<void> {
    return this.#safe.close();
  }

  #reportDamaged(kind: Kind, names: readonly string[]): void {
    this.#damaged += names.length;
    const shown = names.slice(0, MAX_SHOWN).join(', ');
    const more = names.length > MAX_SHOWN ? ` and ${names.length - MAX_SHOWN} more` : '';
    this.#onError(
      new CacheSweeperError(
        'CACHESWEEPER_STORE_DAMAGED',
        `the store gave back a damaged ${kind} for ${shown}${more}: not served. Stored with another secret, by another ` +
          'version of this package, or changed by someone else',
      ),
    );
  }
}
