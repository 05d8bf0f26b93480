import type { Entry, StoredEntry } from '../fragment/entry.ts';
import type { Token } from '../fragment/token.ts';
import type { SharedEntries } from '../stores/shared-entries.ts';
import type { SharedTokens } from '../stores/shared-tokens.ts';
import { type Knowledge, PENDING, UNKNOWN } from './knowledge.ts';
import type { StoredKey } from './operands.ts';

/** What one render has learnt from the store, and what it has yet to ask. */
export class StoreKnowledge implements Knowledge {
  readonly knowsAll = false;
  readonly #sharedTokens: SharedTokens;
  readonly #sharedEntries: SharedEntries;
  readonly #tokens = new Map<string, Token | typeof UNKNOWN>();
  readonly #entries = new Map<string, StoredEntry | undefined>();
  /** Names whose token was made by this render. */
  readonly #fresh = new Set<string>();
  /** Names and keys that were asked for on suspicion, and that nothing has needed yet. */
  readonly #unneededNames = new Set<string>();
  readonly #unneededKeys = new Set<string>();
  readonly #askTokens = new Set<string>();
  readonly #askEntries = new Map<string, string>();
  #gaveUp = false;
  /** Milliseconds that this render may wait for the store in all. */
  readonly #timeout: number;
  #waited = 0;

  constructor(tokens: SharedTokens, entries: SharedEntries, timeout: number) {
    this.#sharedTokens = tokens;
    this.#sharedEntries = entries;
    this.#timeout = timeout;
  }

  get isPending(): boolean {
    return this.#askTokens.size > 0 || this.#askEntries.size > 0;
  }

  get waited(): number {
    return this.#waited;
  }

  /** The names whose tokens the page needed. */
  get neededNames(): string[] {
    return [...this.#tokens.keys()].filter((name) => !this.#unneededNames.has(name));
  }

  /** Everything that was prefetched was needed. */
  get isAllNeeded(): boolean {
    return this.#unneededNames.size === 0 && this.#unneededKeys.size === 0;
  }

  /** Asks for what will probably be needed. */
  prefetch(names: readonly string[], entries: Iterable<StoredKey>): void {
    for (const name of names) {
      this.#askTokens.add(name);
      this.#unneededNames.add(name);
    }
    for (const { key, canonical } of entries) {
      this.#askEntries.set(key, canonical);
      this.#unneededKeys.add(key);
    }
  }

  token(name: string): Token | typeof PENDING | typeof UNKNOWN {
    if (this.#unneededNames.size > 0) this.#unneededNames.delete(name);
    const known = this.#tokens.get(name);
    if (known !== undefined) return known;
    if (this.#gaveUp) return UNKNOWN;
    this.#askTokens.add(name);
    return PENDING;
  }

  isFresh(name: string): boolean {
    return this.#fresh.has(name);
  }

  entry(key: string, canonical: string): Entry | typeof PENDING | undefined {
    if (this.#unneededKeys.size > 0) this.#unneededKeys.delete(key);
    if (this.#entries.has(key)) {
      const stored = this.#entries.get(key);
      return stored?.canonical === canonical ? stored.entry : undefined;
    }
    if (this.#gaveUp) return undefined;
    this.#askEntries.set(key, canonical);
    return PENDING;
  }

  giveUp(): readonly string[] {
    this.#gaveUp = true;
    const asked = [...this.#askTokens, ...this.#askEntries.keys()];
    this.#askTokens.clear();
    this.#askEntries.clear();
    return asked;
  }

  async ask(): Promise<void> {
    const started = performance.now();
    await Promise.all([this.#learnTokens(), this.#learnEntries()]);
    this.#waited += performance.now() - started;
  }

  #left(): number {
    return Math.ceil(this.#timeout - this.#waited);
  }

  async #learnTokens(): Promise<void> {
    const names = [...this.#askTokens];
    if (names.length === 0) return;
    this.#askTokens.clear();
    const { tokens, fresh } = await this.#sharedTokens.read(names, this.#left());
    for (const name of names) this.#tokens.set(name, tokens.get(name) ?? UNKNOWN);
    for (const name of fresh) this.#fresh.add(name);
  }

  async #learnEntries(): Promise<void> {
    const keys = [...this.#askEntries.keys()];
    if (keys.length === 0) return;
    this.#askEntries.clear();
    const entries = await this.#sharedEntries.read(keys, this.#left());
    for (const key of keys) this.#entries.set(key, entries.get(key));
  }
}

/** A render that has a store and no callback cannot wait: it knows nothing. */
export class NoKnowledge implements Knowledge {
  readonly knowsAll = false;
  readonly isPending = false;
  readonly waited = 0;
  readonly #asked: () => void;

  /** @param asked called when a token is asked for */
  constructor(asked: () => void) {
    this.#asked = asked;
  }

  token(): typeof UNKNOWN {
    this.#asked();
    return UNKNOWN;
  }

  isFresh(): boolean {
    return false;
  }

  entry(): undefined {
    return undefined;
  }

  async ask(): Promise<void> {}

  giveUp(): readonly string[] {
    return [];
  }
}
