import { inTime } from '../util/deadline.ts';
import type { Entry, StoredEntry } from './entry.ts';
import type { StoredKey } from './key.ts';
import type { SharedEntries } from './shared/shared-entries.ts';
import { BUMP_TIMEOUT, type SharedTokens } from './shared/shared-tokens.ts';
import { StoreBudget } from './store-budget.ts';
import type { Token } from './token.ts';
import {
  type Guess,
  PENDING,
  type Prefetching,
  StorelessTokenReader,
  type TokenReader,
  UNKNOWN,
} from './token-reader.ts';

/** State of one name: pending, unknown, or its token. */
interface NameKnown {
  readonly name: string;
  token: Token | typeof PENDING | typeof UNKNOWN;
  /** Whether the page asked for it, rather than only the prefetch. */
  isNeeded: boolean;
}

/** State of one key in the store. */
interface KeyKnown {
  readonly key: string;
  entry: StoredEntry | 'damaged' | typeof PENDING | undefined;
  isNeeded: boolean;
}

const NONE: readonly StoredKey[] = [];

/** Reads tokens and entries from the store for one render, and remembers the answers. */
export class StoreTokenReader implements TokenReader, Prefetching {
  readonly prefetching: Prefetching = this;
  readonly knowsAll = false;
  readonly #sharedTokens: SharedTokens;
  readonly #sharedEntries: SharedEntries;
  readonly #names = new Map<string, NameKnown>();
  readonly #keys = new Map<string, KeyKnown>();
  readonly #guesses = new Map<string, StoredKey[]>();
  /** Names whose token this render made. */
  readonly #fresh = new Set<string>();
  /** Sparse names without a token. */
  readonly #missing = new Set<string>();
  /** Names whose token was asked for in vain. */
  readonly #unanswered = new Set<string>();
  /** Questions not yet sent. */
  #askedNames: NameKnown[] = [];
  #askedKeys: KeyKnown[] = [];
  /** Round trips sent and not yet answered. */
  #inFlight: Promise<unknown> | undefined;
  /** Whether the page needed something that was not prefetched. */
  #hasAskedMore = false;
  #gaveUp = false;
  readonly #budget: StoreBudget;
  /** Whether the store has left a question of the last round trips open. */
  #isUnanswered = false;

  /** @param timeout milliseconds that this render may wait for the store in all */
  constructor(tokens: SharedTokens, entries: SharedEntries, timeout: number) {
    this.#sharedTokens = tokens;
    this.#sharedEntries = entries;
    this.#budget = new StoreBudget(timeout);
  }

  get isPending(): boolean {
    return this.#askedNames.length > 0 || this.#askedKeys.length > 0 || this.#inFlight !== undefined;
  }

  get waited(): number {
    return this.#budget.waited;
  }

  /** Names whose tokens the page needed; the next prediction asks for these. */
  get neededNames(): string[] {
    return [...this.#names.values()].filter(({ isNeeded }) => isNeeded).map(({ name }) => name);
  }

  /** Whether the page needed exactly what was prefetched; then the prediction stays as it is. */
  get isAsPrefetched(): boolean {
    if (this.#hasAskedMore) return false;
    for (const { isNeeded } of this.#names.values()) if (!isNeeded) return false;
    for (const { isNeeded } of this.#keys.values()) if (!isNeeded) return false;
    return true;
  }

  /**
   * Sends the questions that the page will probably have, without waiting for answers. Call it before anything else.
   */
  prefetch(names: readonly string[], entries: readonly Guess[]): void {
    for (const name of names) this.#askName({ name, token: PENDING, isNeeded: false });
    for (const { memoryKey, stored } of entries) {
      const guesses = this.#guesses.get(memoryKey);
      if (guesses === undefined) this.#guesses.set(memoryKey, [stored]);
      else guesses.push(stored);
      if (!this.#keys.has(stored.key)) this.#askKey({ key: stored.key, entry: PENDING, isNeeded: false });
    }
    this.#send();
  }

  token(name: string): Token | typeof PENDING | typeof UNKNOWN {
    const known = this.#names.get(name);
    if (known === undefined) {
      if (this.#gaveUp) return UNKNOWN;
      this.#hasAskedMore = true;
      this.#askName({ name, token: PENDING, isNeeded: true });
      return PENDING;
    }
    known.isNeeded = true;
    return known.token;
  }

  knownToken(name: string): Token | undefined {
    const token = this.#names.get(name)?.token;
    return token === PENDING || token === UNKNOWN ? undefined : token;
  }

  lastRead(name: string): Token | undefined {
    return this.#unanswered.has(name) ? this.#sharedTokens.lastRead(name) : undefined;
  }

  isFresh(name: string): boolean {
    return this.#fresh.has(name);
  }

  isMissing(name: string): boolean {
    return this.#missing.has(name);
  }

  async claim(guards: ReadonlyMap<string, Token>, ttl: number): Promise<boolean> {
    const claimed = await this.#sharedTokens.claim(guards, ttl, BUMP_TIMEOUT);
    for (const [name, token] of claimed ?? []) {
      this.#names.set(name, { name, token, isNeeded: true });
      this.#missing.delete(name);
    }
    return claimed !== undefined;
  }

  entry(key: string, canonical: string): Entry | typeof PENDING | undefined {
    const known = this.#keys.get(key);
    if (known === undefined) {
      if (this.#gaveUp) return undefined;
      this.#hasAskedMore = true;
      this.#askKey({ key, entry: PENDING, isNeeded: true });
      return PENDING;
    }
    known.isNeeded = true;
    const { entry } = known;
    if (entry === PENDING) return PENDING;
    return matching(entry, canonical);
  }

  forgetEntries(except: ReadonlySet<string>): void {
    for (const [key, { entry }] of this.#keys) if (entry !== PENDING && !except.has(key)) this.#keys.delete(key);
    // Others have had the time to store something under them.
    this.#fresh.clear();
  }

  isOccupied(key: string): boolean {
    const entry = this.#keys.get(key)?.entry;
    return entry !== undefined && entry !== PENDING;
  }

  known(key: string, canonical: string): Entry | undefined {
    const entry = this.#keys.get(key)?.entry;
    return entry === PENDING ? undefined : matching(entry, canonical);
  }

  guesses(memoryKey: string): readonly StoredKey[] {
    return this.#guesses.get(memoryKey) ?? NONE;
  }

  giveUp(): readonly string[] {
    this.#gaveUp = true;
    const asked = [...this.#askedNames.map(({ name }) => name), ...this.#askedKeys.map(({ key }) => key)];
    for (const known of this.#askedNames) known.token = UNKNOWN;
    for (const known of this.#askedKeys) known.entry = undefined;
    this.#askedNames = [];
    this.#askedKeys = [];
    return asked;
  }

  async ask(): Promise<void> {
    const since = this.#budget.begin();
    this.#send();
    await this.#inFlight;
    this.#budget.end(since, !this.#isUnanswered);
    this.#isUnanswered = false;
  }

  async within<T>(answer: Promise<T>, otherwise: T): Promise<T> {
    const since = this.#budget.begin();
    // What is asked for at the same time is waited for at the same time.
    const isCounted = this.#inFlight === undefined;
    const result = await inTime(answer, Math.max(0, this.#budget.left), otherwise);
    if (isCounted) this.#budget.end(since, result !== otherwise);
    return result;
  }

  #askName(known: NameKnown): void {
    this.#names.set(known.name, known);
    this.#askedNames.push(known);
  }

  #askKey(known: KeyKnown): void {
    this.#keys.set(known.key, known);
    this.#askedKeys.push(known);
  }

  /** Sends all questions together. The new promise includes any round trip still in flight. */
  #send(): void {
    const [names, keys] = [this.#askedNames, this.#askedKeys];
    if (names.length === 0 && keys.length === 0) return;
    this.#askedNames = [];
    this.#askedKeys = [];
    const sent = Promise.all([this.#inFlight, this.#learnTokens(names), this.#learnEntries(keys)]);
    const inFlight = sent.then(() => {
      if (this.#inFlight === inFlight) this.#inFlight = undefined;
    });
    this.#inFlight = inFlight;
  }

  async #learnTokens(asked: readonly NameKnown[]): Promise<void> {
    if (asked.length === 0) return;
    const names = asked.map(({ name }) => name);
    const { tokens, fresh, missing } = await this.#sharedTokens.read(names, this.#budget.left);
    for (const known of asked) {
      known.token = tokens.get(known.name) ?? UNKNOWN;
      if (fresh.has(known.name)) this.#fresh.add(known.name);
      if (missing.has(known.name)) this.#missing.add(known.name);
      else if (known.token === UNKNOWN) {
        this.#unanswered.add(known.name);
        this.#isUnanswered = true;
      }
    }
  }

  async #learnEntries(asked: readonly KeyKnown[]): Promise<void> {
    if (asked.length === 0) return;
    const keys = asked.map(({ key }) => key);
    const entries = await this.#sharedEntries.read(keys, this.#budget.left);
    for (const known of asked) {
      const entry = entries.get(known.key);
      if (entry === 'unknown') this.#isUnanswered = true;
      known.entry = entry === 'unknown' ? undefined : entry;
    }
  }
}

function matching(entry: StoredEntry | 'damaged' | undefined, canonical: string): Entry | undefined {
  return entry !== undefined && entry !== 'damaged' && entry.canonical === canonical ? entry.entry : undefined;
}

/** Used when there is a store but the render has no callback and so cannot wait: every token is unknown. */
export class NoTokenReader extends StorelessTokenReader {
  readonly knowsAll = false;
  readonly #asked: () => void;

  /** @param asked called when a token is asked for */
  constructor(asked: () => void) {
    super();
    this.#asked = asked;
  }

  token(): typeof UNKNOWN {
    this.#asked();
    return UNKNOWN;
  }

  knownToken(): undefined {
    return undefined;
  }
}
