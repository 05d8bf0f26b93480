import { setTimeout as sleep } from 'node:timers/promises';
import { EVERYTHING } from '../../model/names.ts';
import type { StoreItem } from '../../stores/store.ts';
import type { Sealer } from '../seal.ts';
import { mintToken, type Token } from '../token.ts';
import { CountedNames } from './counted-names.ts';
import { type KnownName, KnownNames } from './known-names.ts';
import type { SafeStore } from './safe-store.ts';
import type { OnDamaged } from './shared-entries.ts';

/** A bump's deadline, in milliseconds. */
export const BUMP_TIMEOUT = 1_000;
/** Names that wait for a retry; more become one bump of everything. */
const MAX_FAILING = 10_000;
const FIRST_RETRY = 50;
/** Also the longest time that a bumped name is still unknown when the store is back. */
const LAST_RETRY = 1_000;

/** What became known of some names; a name that is not in `tokens` could not be read. */
export interface TokensRead {
  readonly tokens: ReadonlyMap<string, Token>;
  /** Those whose token was made by this reading: nothing can have been stored under it. */
  readonly fresh: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/** The tokens in the store. */
export class SharedTokens {
  readonly #store: SafeStore;
  readonly #sealer: Sealer;
  readonly #known: KnownNames;
  readonly #now: () => number;
  readonly #onDamaged: OnDamaged;
  readonly #delivered: (names: readonly string[]) => void;
  /** Names of bumps in flight. */
  readonly #bumping = new CountedNames();
  /** Names whose bump was lost, with a number that grows with each loss: a retry settles what was lost before it. */
  #lost = new Map<string, number>();
  #losses = 0;
  #retrying: Promise<void> | undefined;
  readonly #closing = new AbortController();

  /** @param delivered called with lost bumps that a retry has delivered */
  constructor(
    store: SafeStore,
    sealer: Sealer,
    scope: { readonly namespace: string; readonly version: number },
    now: () => number,
    onDamaged: OnDamaged,
    delivered: (names: readonly string[]) => void = () => {},
  ) {
    this.#delivered = delivered;
    this.#store = store;
    this.#sealer = sealer;
    this.#known = new KnownNames(sealer, scope);
    this.#now = now;
    this.#onDamaged = onDamaged;
  }

  /** Names whose bump has not been acknowledged. */
  get failing(): readonly string[] {
    return [...this.#lost.keys()];
  }

  /** Whether a name was bumped here without the store having acknowledged it: its token cannot be known. */
  isUncertain(name: string): boolean {
    return this.#bumping.has(name) || this.#lost.has(name);
  }

  #uncertainOf(names: readonly string[]): readonly string[] {
    return this.#bumping.size + this.#lost.size === 0 ? [] : names.filter((name) => this.isUncertain(name));
  }

  /** Reads tokens; a name that has none gets a new one. */
  async read(names: readonly string[], timeout: number): Promise<TokensRead> {
    const tokens = new Map<string, Token>();
    // A retry may succeed while this waits: what was read before it is old, and would look certain at the end.
    const uncertain = this.#uncertainOf(names);
    const until = performance.now() + timeout;
    const { missing, damaged } = await this.#get(names, tokens, timeout);
    const hasAll = missing.length === 0 && damaged.length === 0;
    const fresh = hasAll ? NONE : await this.#make(missing, damaged, tokens, until);
    for (const name of [...uncertain, ...this.#uncertainOf(names)]) tokens.delete(name);
    return { tokens, fresh };
  }

  /** Makes tokens for names that have none, or none that can be read; returns those that got one here. */
  async #make(
    missing: readonly string[],
    damaged: readonly string[],
    tokens: Map<string, Token>,
    until: number,
  ): Promise<ReadonlySet<string>> {
    const fresh = new Set<string>();
    const left = () => Math.ceil(until - performance.now());
    const making = this.#mint(missing);
    const repairing = this.#mint(damaged);
    // A token says when it was made. Written much later it could stand in the place of a bump's that is younger.
    const writing = Math.min(left(), BUMP_TIMEOUT);
    const [added, repaired] = await Promise.all([
      this.#store.addMany('token', this.#items(missing, making), writing),
      this.#store.setMany('token', this.#items(damaged, repairing), writing),
    ]);
    const lostRace: string[] = [];
    const take = (name: string, token: Token | undefined): void => {
      tokens.set(name, token as Token);
      fresh.add(name);
    };
    missing.forEach((name, i) => {
      if (added[i] === 'added') take(name, making[i]);
      else if (added[i] === 'exists') lostRace.push(name);
    });
    damaged.forEach((name, i) => {
      if (repaired[i]) take(name, repairing[i]);
    });
    if (lostRace.length > 0) await this.#get(lostRace, tokens, left());
    return fresh;
  }

  /**
   * Gives names new tokens, each sent once. What is not acknowledged stays uncertain here, is tried again in the
   * background with other tokens, and is returned.
   *
   * @param names each once
   * @param records digests of the `using` attributes to record, by name
   * @param timeout milliseconds
   */
  async bump(
    names: readonly string[],
    records: ReadonlyMap<string, string>,
    timeout: number,
  ): Promise<readonly string[]> {
    for (const name of names) this.#bumping.add(name);
    const made = this.#mint(names, records);
    const acknowledged = await this.#store.setMany('token', this.#items(names, made), timeout);
    const lost = names.filter((_, i) => !acknowledged[i]);
    // First uncertain for one reason, then no longer for the other: never certain in between.
    this.#lose(lost);
    for (const name of names) this.#bumping.delete(name);
    return lost;
  }

  /** Resolved when no retry is waiting. */
  async idle(): Promise<void> {
    // Pauses between retries do not keep the process alive; whoever waits for their end does.
    const alive = setInterval(() => {}, LAST_RETRY);
    while (this.#retrying !== undefined) await this.#retrying;
    clearInterval(alive);
  }

  /** Tries a last time what was lost; returns what was not delivered. */
  async close(): Promise<readonly string[]> {
    this.#closing.abort();
    await this.#retrying;
    await this.#deliverLost();
    return this.failing;
  }

  async #get(
    names: readonly string[],
    into: Map<string, Token>,
    timeout: number,
  ): Promise<{ missing: string[]; damaged: string[] }> {
    const missing: string[] = [];
    const damaged: string[] = [];
    const known = names.map((name) => this.#known.get(name));
    const keys = known.map(({ key }) => key);
    const answers = await this.#store.getMany('token', keys, timeout);
    names.forEach((name, i) => {
      const answer = answers[i];
      if (answer?.state === 'missing') missing.push(name);
      if (answer?.state !== 'found') return;
      const token = this.#known.open(known[i] as KnownName, answer.value);
      if (token === undefined) damaged.push(name);
      else into.set(name, token);
    });
    if (damaged.length > 0) this.#onDamaged('token', damaged);
    return { missing, damaged };
  }

  #lose(names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) this.#lost.set(name, ++this.#losses);
    // Everything depends on this name: one bump of it does for all.
    if (this.#lost.size > MAX_FAILING) this.#lost = new Map([[EVERYTHING, ++this.#losses]]);
    this.#startRetry();
  }

  #startRetry(): void {
    this.#retrying ??= this.#retry().finally(() => {
      this.#retrying = undefined;
      // Lost while the last retry was ending.
      if (this.#lost.size > 0 && !this.#closing.signal.aborted) this.#startRetry();
    });
  }

  async #retry(): Promise<void> {
    for (let wait = FIRST_RETRY; this.#lost.size > 0; wait = Math.min(wait * 2, LAST_RETRY)) {
      try {
        // Not all processes at once when the store is back.
        await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal: this.#closing.signal, ref: false });
      } catch {
        return;
      }
      await this.#deliverLost();
    }
  }

  /** Sends what was lost once more, with other tokens. */
  async #deliverLost(): Promise<void> {
    const trying = [...this.#lost];
    const names = trying.map(([name]) => name);
    const acknowledged = await this.#store.setMany('token', this.#items(names, this.#mint(names)), BUMP_TIMEOUT);
    trying.forEach(([name, loss], i) => {
      if (acknowledged[i] && this.#lost.get(name) === loss) this.#lost.delete(name);
    });
    this.#delivered(names.filter((_, i) => acknowledged[i]));
  }

  #mint(names: readonly string[], records?: ReadonlyMap<string, string>): readonly Token[] {
    const now = this.#now();
    return names.map((name) => mintToken(now, records?.get(name)));
  }

  #items(names: readonly string[], tokens: readonly Token[]): StoreItem[] {
    return names.map((name, i) => {
      const key = this.#known.key(name);
      return { key, value: this.#sealer.seal('token', key, tokens[i] as Token), ttl: 0 };
    });
  }
}
