import type { Entry, StoredEntry } from '../fragment/entry.ts';
import type { Token } from '../fragment/token.ts';
import type { SharedEntries } from '../stores/shared-entries.ts';
import type { SharedTokens } from '../stores/shared-tokens.ts';
import { type Knowledge, PENDING, UNKNOWN } from './knowledge.ts';

/** What one render has learnt from the store, and what it has yet to ask. */
export class StoreKnowledge implements Knowledge {
  readonly knowsAll = false;
  readonly #sharedTokens: SharedTokens;
  readonly #sharedEntries: SharedEntries;
  readonly #tokens = new Map<string, Token | typeof UNKNOWN>();
  readonly #entries = new Map<string, StoredEntry | undefined>();
  /** Names whose token was made by this render. */
  readonly #fresh = new Set<string>();
  readonly #askTokens = new Set<string>();
  readonly #askEntries = new Map<string, string>();
  #gaveUp = false;
  /** Milliseconds that this render may still wait for the store. */
  #left: number;

  constructor(tokens: SharedTokens, entries: SharedEntries, timeout: number) {
    this.#sharedTokens = tokens;
    this.#sharedEntries = entries;
    this.#left = timeout;
  }

  get isPending(): boolean {
    return this.#askTokens.size > 0 || this.#askEntries.size > 0;
  }

  token(name: string): Token | typeof PENDING | typeof UNKNOWN {
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
    this.#left -= performance.now() - started;
  }

  async #learnTokens(): Promise<void> {
    const names = [...this.#askTokens];
    if (names.length === 0) return;
    this.#askTokens.clear();
    const { tokens, fresh } = await this.#sharedTokens.read(names, Math.ceil(this.#left));
    for (const name of names) this.#tokens.set(name, tokens.get(name) ?? UNKNOWN);
    for (const name of fresh) this.#fresh.add(name);
  }

  async #learnEntries(): Promise<void> {
    const keys = [...this.#askEntries.keys()];
    if (keys.length === 0) return;
    this.#askEntries.clear();
    const entries = await this.#sharedEntries.read(keys, Math.ceil(this.#left));
    for (const key of keys) this.#entries.set(key, entries.get(key));
  }
}

/** A render that has a store and no callback cannot wait: it knows nothing. */
export class NoKnowledge implements Knowledge {
  readonly knowsAll = false;
  readonly isPending = false;
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
