import { setTimeout as sleep } from 'node:timers/promises';
import { EVERYTHING } from '../../model/names.ts';
import { guardOf, isSparse } from '../../model/sparse-names.ts';
import type { StoreItem } from '../../stores/store.ts';
import { inTime } from '../../util/deadline.ts';
import { idleTime } from '../../util/idle-time.ts';
import type { Sealer } from '../seal.ts';
import { mintToken, type Token } from '../token.ts';
import { Batcher } from './batcher.ts';
import { CountedNames } from './counted-names.ts';
import { type KnownName, KnownNames } from './known-names.ts';
import { LastReads } from './last-reads.ts';
import type { SafeStore } from './safe-store.ts';
import type { OnDamaged } from './shared-entries.ts';

/** Time limit of a bump, in milliseconds. */
export const BUMP_TIMEOUT = 1_000;
/** Limit of names that wait for a retry. Above it, they become one bump of `*`. */
const MAX_FAILING = 10_000;
const FIRST_RETRY = 50;
/**
 * Longest pause between retries, in milliseconds. So a lost bump is delivered at most this long after the store is
 * back.
 */
const LAST_RETRY = 1_000;

/**
 * Seconds for which a store keeps the token that a bump gives to a sparse name. When it is gone, what was stored under
 * it is made anew.
 */
const SPARSE_TTL = 24 * 60 * 60;

/**
 * Result of reading tokens, those of other callers among them. A name that was asked for and is missing in `tokens` could not be read.
 */
export interface TokensRead {
  readonly tokens: ReadonlyMap<string, Token>;
  /** Names whose token this read made. Nothing can have been stored under these tokens. */
  readonly fresh: ReadonlySet<string>;
  /** Sparse names that have no token. */
  readonly missing: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/** Reads and bumps the tokens in the store, and retries bumps that the store did not acknowledge. */
export class SharedTokens {
  readonly #store: SafeStore;
  readonly #sealer: Sealer;
  readonly #known: KnownNames;
  readonly #lastReads: LastReads;
  readonly #now: () => number;
  readonly #onDamaged: OnDamaged;
  readonly #delivered: (names: readonly string[]) => void;
  /** Names whose bump is in flight. */
  readonly #bumping = new CountedNames();
  /** Bumps in flight. A page that asks for a name of one waits for it, because the token is unknown until then. */
  readonly #bumps = new Set<Promise<unknown>>();
  /**
   * Names whose bump was lost, with the number of the loss. A retry removes a name only if it was not lost again since.
   */
  #lost = new Map<string, number>();
  #losses = 0;
  #retrying: Promise<void> | undefined;
  readonly #closing = new AbortController();
  readonly #reads = new Batcher((names, timeout) => this.#read(names, timeout));

  /**
   * @param delivered called with the names of lost bumps that a retry has delivered
   * @param outage the option, in milliseconds; 0 for off
   */
  constructor(
    store: SafeStore,
    sealer: Sealer,
    scope: { readonly namespace: string; readonly version: number },
    now: () => number,
    onDamaged: OnDamaged,
    delivered: (names: readonly string[]) => void = () => {},
    outage = 0,
  ) {
    this.#delivered = delivered;
    this.#store = store;
    this.#sealer = sealer;
    this.#known = new KnownNames(sealer, scope, outage > 0);
    this.#lastReads = new LastReads(this.#known, outage, now);
    this.#now = now;
    this.#onDamaged = onDamaged;
  }

  /** Names whose bump the store has not acknowledged and that wait for a retry. */
  get failing(): readonly string[] {
    return [...this.#lost.keys()];
  }

  /** Whether this process bumped a name and the store has not acknowledged it. Its token is then unknown. */
  isUncertain(name: string): boolean {
    return this.#bumping.has(name) || this.#lost.has(name);
  }

  /**
   * Returns the token of a name that this process read last, for names that cannot be read now: if the option `outage`
   * allows to go by it, and this process has not bumped the name since.
   */
  lastRead(name: string): Token | undefined {
    return this.isUncertain(name) ? undefined : this.#lastReads.token(name);
  }

  #uncertainOf(names: readonly string[]): readonly string[] {
    return this.#bumping.size + this.#lost.size === 0 ? [] : names.filter((name) => this.isUncertain(name));
  }

  /**
   * Reads tokens; a name without one gets a new one, unless it is sparse. What is asked for in one turn is read together, after it was
   * asked for: a page never gets a token that was read before it began.
   *
   * @param timeout milliseconds, from when the read is sent
   */
  read(names: readonly string[], timeout: number): Promise<TokensRead> {
    return this.#reads.ask(names, timeout);
  }

  async #read(names: readonly string[], timeout: number): Promise<TokensRead> {
    const until = idleTime() + timeout;
    if (this.#isBumping(names)) await inTime(Promise.allSettled(this.#bumps), timeout, undefined);
    const read = await this.#readOnce(names, until);
    // What this process has begun to bump meanwhile is known as soon as that is there.
    const again = this.#bumping.size === 0 ? [] : names.filter((name) => this.#bumping.has(name));
    if (again.length === 0) return read;
    await inTime(Promise.allSettled(this.#bumps), left(until), undefined);
    const later = await this.#readOnce(again, until);
    return {
      tokens: new Map([...read.tokens, ...later.tokens]),
      fresh: new Set([...read.fresh, ...later.fresh]),
      missing: new Set([...read.missing, ...later.missing]),
    };
  }

  #isBumping(names: readonly string[]): boolean {
    return this.#bumping.size > 0 && names.some((name) => this.#bumping.has(name));
  }

  /** @param until when nothing more is waited for, by {@link idleTime} */
  async #readOnce(names: readonly string[], until: number): Promise<TokensRead> {
    const tokens = new Map<string, Token>();
    // Check before and after reading. A retry may succeed meanwhile; the token read before it is old but would look
    // certain.
    const uncertain = this.#uncertainOf(names);
    const { missing, damaged } = await this.#get(names, tokens, left(until));
    const made = missing.filter((name) => !isSparse(name));
    const hasAll = made.length === 0 && damaged.length === 0;
    const fresh = hasAll ? NONE : await this.#make(made, damaged, tokens, until);
    for (const name of [...uncertain, ...this.#uncertainOf(names)]) tokens.delete(name);
    const without = missing.filter((name) => isSparse(name) && !uncertain.includes(name) && !this.isUncertain(name));
    return { tokens, fresh, missing: new Set(without) };
  }

  /**
   * Makes tokens for sparse names that had none, to store something under them.
   *
   * @param guards the names, each with the token that its guard had before the data was read
   * @param ttl seconds
   * @returns undefined if one of the names was bumped meanwhile, or if that is not known
   */
  async claim(
    guards: ReadonlyMap<string, Token>,
    ttl: number,
    timeout: number,
  ): Promise<ReadonlyMap<string, Token> | undefined> {
    const names = [...guards.keys()];
    const until = idleTime() + timeout;
    const tokens = new Map<string, Token>();
    const making = this.#mint(names);
    const added = await this.#store.addMany('token', this.#items(names, making, ttl), timeout);
    const others: string[] = [];
    names.forEach((name, i) => {
      if (added[i] === 'added') tokens.set(name, making[i] as Token);
      else if (added[i] === 'exists') others.push(name);
    });
    // Read the guards last. A bump writes the guard before the name: if it came before the token that we have, the guard
    // has changed; if it came later, that token is gone. Each takes a call of its own, because a store may carry out a
    // batch in any order.
    if (others.length > 0) await this.#get(others, tokens, left(until));
    await this.#get([...new Set(names.map(guardOf))], tokens, left(until));
    const isSame = names.every((name) => tokens.has(name) && tokens.get(guardOf(name)) === guards.get(name));
    if (!isSame || this.#uncertainOf(names).length > 0) return undefined;
    return new Map(names.map((name) => [name, tokens.get(name) as Token]));
  }

  /**
   * Makes tokens for names that have none, or an unreadable one. Returns the names whose new token the store accepted.
   */
  async #make(
    missing: readonly string[],
    damaged: readonly string[],
    tokens: Map<string, Token>,
    until: number,
  ): Promise<ReadonlySet<string>> {
    const fresh = new Set<string>();
    const making = this.#mint(missing);
    const repairing = this.#mint(damaged);
    // Limit the time, because a token includes its time. Written much later, it could overwrite a bump's younger token.
    const writing = Math.min(left(until), BUMP_TIMEOUT);
    const [added, repaired] = await Promise.all([
      this.#store.addMany('token', this.#items(missing, making), writing),
      this.#store.setMany('token', this.#items(damaged, repairing, SPARSE_TTL), writing),
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
    if (lostRace.length > 0) await this.#get(lostRace, tokens, left(until));
    return fresh;
  }

  /**
   * Gives names new tokens, each sent once. A name the store does not acknowledge stays uncertain here, is returned,
   * and is retried in the background with another token.
   *
   * @param names each once
   * @param records digests of the `using` attributes to record, by name
   * @param timeout milliseconds
   * @param made called with the new tokens before they are sent
   */
  async bump(
    names: readonly string[],
    records: ReadonlyMap<string, string>,
    timeout: number,
    made?: (tokens: readonly Token[]) => void,
  ): Promise<readonly string[]> {
    for (const name of names) this.#bumping.add(name);
    const tokens = this.#mint(names, records);
    made?.(tokens);
    const writing = this.#write(names, tokens, timeout);
    this.#bumps.add(writing);
    const acknowledged = await writing;
    this.#bumps.delete(writing);
    const lost = names.filter((_, i) => !acknowledged[i]);
    // Mark as lost before unmarking as in flight, so that no name looks certain in between.
    this.#lose(lost);
    this.#lastReads.bumped(names);
    for (const name of names) this.#bumping.delete(name);
    return lost;
  }

  /** Resolves when no retry is under way. */
  async idle(): Promise<void> {
    // The pauses between retries do not keep the process alive; this timer does while a caller waits.
    const alive = setInterval(() => {}, LAST_RETRY);
    while (this.#retrying !== undefined) await this.#retrying;
    clearInterval(alive);
  }

  /** Tries lost bumps a last time; returns the names that were still not delivered. */
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
    const sent = this.#lastReads.sending();
    const answers = await this.#store.getMany('token', keys, timeout);
    names.forEach((name, i) => {
      const answer = answers[i];
      if (answer === undefined || answer.state === 'unknown') return;
      const token = answer.state === 'found' ? this.#known.open(name, known[i] as KnownName, answer.value) : undefined;
      if (sent !== undefined) this.#lastReads.note(name, token, sent);
      if (answer.state === 'missing') missing.push(name);
      else if (token === undefined) damaged.push(name);
      else into.set(name, token);
    });
    if (damaged.length > 0) this.#onDamaged('token', damaged);
    return { missing, damaged };
  }

  #lose(names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) this.#lost.set(name, ++this.#losses);
    // All fragments depend on `*`, so one bump of it replaces them all.
    if (this.#lost.size > MAX_FAILING) this.#lost = new Map([[EVERYTHING, ++this.#losses]]);
    this.#startRetry();
  }

  #startRetry(): void {
    this.#retrying ??= this.#retry().finally(() => {
      this.#retrying = undefined;
      // A bump was lost while this retry was ending.
      if (this.#lost.size > 0 && !this.#closing.signal.aborted) this.#startRetry();
    });
  }

  async #retry(): Promise<void> {
    for (let wait = FIRST_RETRY; this.#lost.size > 0; wait = Math.min(wait * 2, LAST_RETRY)) {
      try {
        // The random pause keeps processes from retrying all at once when the store is back.
        await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal: this.#closing.signal, ref: false });
      } catch {
        return;
      }
      await this.#deliverLost();
    }
  }

  /** Sends lost bumps again, with new tokens. */
  async #deliverLost(): Promise<void> {
    const trying = [...this.#lost];
    const names = trying.map(([name]) => name);
    const acknowledged = await this.#write(names, this.#mint(names), BUMP_TIMEOUT);
    this.#lastReads.bumped(names);
    trying.forEach(([name, loss], i) => {
      if (acknowledged[i] && this.#lost.get(name) === loss) this.#lost.delete(name);
    });
    this.#delivered(names.filter((_, i) => acknowledged[i]));
  }

  /**
   * Writes tokens; sparse names only when the store has answered for their guards, because it may carry out a batch in
   * any order. A sparse name counts as acknowledged only together with its guard.
   */
  async #write(names: readonly string[], tokens: readonly Token[], timeout: number): Promise<readonly boolean[]> {
    const items = this.#items(names, tokens, SPARSE_TTL);
    const guards = [...new Set(names.filter(isSparse).map(guardOf))];
    if (guards.length === 0) return this.#store.setMany('token', items, timeout);
    const until = performance.now() + timeout;
    const sparse = items.filter((_, i) => isSparse(names[i] as string));
    const others = items.filter((_, i) => !isSparse(names[i] as string));
    const first = [...this.#items(guards, this.#mint(guards)), ...others];
    const answers = await this.#store.setMany('token', first, timeout);
    const bumped = new Set(guards.filter((_, i) => answers[i]));
    // Write them even without their guards, so that what is stored under them goes at once.
    const written = await this.#store.setMany('token', sparse, Math.ceil(until - performance.now()));
    const done = new Set<StoreItem>([
      ...others.filter((_, i) => answers[guards.length + i]),
      ...sparse.filter((_, i) => written[i]),
    ]);
    return names.map((name, i) => done.has(items[i] as StoreItem) && (!isSparse(name) || bumped.has(guardOf(name))));
  }

  #mint(names: readonly string[], records?: ReadonlyMap<string, string>): readonly Token[] {
    const now = this.#now();
    return names.map((name) => mintToken(now, records?.get(name)));
  }

  /** @param ttl seconds for sparse names; others have none */
  #items(names: readonly string[], tokens: readonly Token[], ttl = 0): StoreItem[] {
    return names.map((name, i) => {
      const key = this.#known.key(name);
      return { key, value: this.#sealer.seal('token', key, tokens[i] as Token), ttl: isSparse(name) ? ttl : 0 };
    });
  }
}

/** @param until by {@link idleTime} */
function left(until: number): number {
  return Math.ceil(until - idleTime());
}
