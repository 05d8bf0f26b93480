import { LRUCache } from 'lru-cache';
import type { StoreItem } from '../../stores/store.ts';
import type { Sealer } from '../seal.ts';
import type { SafeStore } from './safe-store.ts';

/** Seconds after which a lease ends that nobody renews: its process has died. */
const LIFE = 2;
/** How often leases are renewed, in milliseconds. */
const RENEWAL = 500;
/** Seconds for which others are told what came of a lease. */
const TOLD = 2;
/** Leases of which is known that they are over. */
const MAX_OVER = 10_000;
/** How long a lease of another process stays the same before its maker counts as dead, in milliseconds. */
const DEAD_AFTER = 1_800;
/** Shortest and longest pause between two looks at leases of others, in milliseconds. */
const SHORTEST_PAUSE = 10;
const LONGEST_PAUSE = 40;
/** A pause is this share of the time since somebody began to wait, so that a quarter of the time is added to a wait at most. */
const PAUSE_SHARE = 1 / 4;
/** Longest time that a look may take, in milliseconds. A store that is slower costs more than it saves. */
const LOOK_TIMEOUT = 100;

/** What came of a lease: its entry is in the store; its maker has failed; the entry cannot be kept, so that nobody is to wait for it. */
export type Ended = 'done' | 'failed' | 'free';

/**
 * Result of asking for a lease. `unknown`: the store does not say. Who asks may hold it, does not wait, and ends it like one that is
 * held.
 */
export type Taken = 'held' | 'lost' | 'unknown';
/** What who has waited learns. `gone`: the lease has ended by itself. */
export type Waited = Ended | 'gone';

interface Held {
  readonly since: number;
  /** How often it was renewed: others see by it that the maker is alive. */
  renewals: number;
}

/** Callers that wait for a lease of another process. */
interface Waiters {
  readonly ends: Set<(waited: Waited) => void>;
  /** What the lease said when it was looked at last, and since when, by `performance.now()`. */
  said: string;
  since: number;
}

/**
 * Leases in the store, so that of several processes that miss the same entry one makes it (R. Nishtala et al., "Scaling Memcache
 * at Facebook", NSDI 2013, section 3.2.1). The key of a lease has the tokens of what the entry is made from, so that after a bump
 * it is another. A lease protects no data: who finds none, or cannot ask, makes the entry.
 */
export class Leases {
  readonly #store: SafeStore;
  readonly #sealer: Sealer;
  readonly #timeout: number;
  readonly #wait: number;
  readonly #now: () => number;
  /** Until when others are told that a lease is over: it cannot be taken, and nothing more comes of it. */
  readonly #over = new LRUCache<string, number>({ max: MAX_OVER });
  /** Leases that are being looked at although nobody waits for them. */
  readonly #watched = new Set<string>();
  /** Asked for in this turn, with what waits for the answer. */
  #asked = new Map<string, (taken: Taken) => void>();
  readonly #asking = new Map<string, Promise<Taken>>();
  readonly #held = new Map<string, Held>();
  #renewing: Promise<unknown> | undefined;
  #renewal: NodeJS.Timeout | undefined;
  readonly #waiters = new Map<string, Waiters>();
  /** When the last lease of these was begun to be waited for, by `performance.now()`. */
  #youngest = 0;
  /** Whether that was not looked at yet. */
  #isNew = false;
  #polling = false;
  #isClosed = false;

  /** @param settings `timeout`: of a call; `wait`: how long a lease is renewed; both in milliseconds */
  constructor(
    store: SafeStore,
    sealer: Sealer,
    settings: { readonly timeout: number; readonly wait: number; readonly now: () => number },
  ) {
    this.#now = settings.now;
    this.#store = store;
    this.#sealer = sealer;
    this.#timeout = settings.timeout;
    this.#wait = settings.wait;
  }

  /** How many leases this process holds, and how many callers wait for those of others. */
  get counts(): { readonly held: number; readonly waiting: number } {
    let waiting = 0;
    for (const { ends } of this.#waiters.values()) waiting += ends.size;
    return { held: this.#held.size, waiting };
  }

  /**
   * Returns the key of a lease for who asks again, because the maker has failed, or what it has stored is not there any more: what
   * stands under the key before cannot be added again.
   */
  static again(key: string, tries: number): string {
    return tries === 0 ? key : `${key}.${tries}`;
  }

  /**
   * Returns how many tries of a lease are over, so that the next one may be taken.
   *
   * @param tries how many are over as far as the caller knows
   */
  triesOf(key: string, tries: number): number {
    let next = tries;
    while ((this.#over.get(Leases.again(key, next)) ?? 0) > this.#now()) next++;
    return next;
  }

  /** Whether this process holds a lease, or waits for who holds it. */
  isTaken(key: string): boolean {
    return this.#held.has(key) || this.#waiters.has(key);
  }

  /**
   * Asks for a lease, in one batch with all others that are asked for in this turn. Of several callers in this process one gets
   * it.
   */
  take(key: string): Promise<Taken> {
    if (this.#isClosed) return Promise.resolve('unknown');
    // Another caller will have it, or another process has it.
    const other = this.#asking.get(key)?.then((taken) => (taken === 'held' ? 'lost' : taken));
    if (other !== undefined) return other;
    if (this.isTaken(key)) return Promise.resolve('lost');
    const asking = new Promise<Taken>((resolve) => {
      if (this.#asked.size === 0) process.nextTick(() => void this.#send());
      this.#asked.set(key, resolve);
    });
    this.#asking.set(key, asking);
    return asking;
  }

  async #send(): Promise<void> {
    const asked = this.#asked;
    this.#asked = new Map();
    const items = [...asked.keys()].map((key) => this.#item(key, held(0), LIFE));
    const added = await this.#store.addMany('entry', items, this.#timeout);
    [...asked].forEach(([key, answer], i) => {
      this.#asking.delete(key);
      // What is not answered may have been carried out. Then others wait, and are told by nobody else.
      if (added[i] !== 'exists') this.#hold(key);
      answer(added[i] === 'added' ? 'held' : added[i] === 'exists' ? 'lost' : 'unknown');
    });
  }

  /** Says what came of leases that this process holds. Others look for the entry, or make it. */
  async end(keys: Iterable<string>, said: Ended): Promise<void> {
    const ended = [...keys].filter((key) => this.#held.delete(key));
    if (ended.length === 0) return;
    for (const key of ended) this.#end(key);
    if (this.#held.size === 0) clearInterval(this.#renewal);
    // A renewal that is carried out later would say that it is held.
    await this.#renewing;
    const items = ended.map((key) => this.#item(key, said, TOLD));
    await this.#store.setMany('entry', items, this.#timeout);
  }

  /**
   * Waits until another process has made an entry.
   *
   * @param patience milliseconds
   */
  wait(key: string, patience: number): Promise<Waited> {
    return new Promise((resolve) => {
      const known = this.#waiters.get(key);
      const waiters = known ?? { ends: new Set(), said: '', since: performance.now() };
      const { ends } = waiters;
      const end = (waited: Waited): void => {
        clearTimeout(timer);
        ends.delete(end);
        if (ends.size === 0) this.#waiters.delete(key);
        resolve(waited);
      };
      const timer = setTimeout(() => end('free'), patience);
      ends.add(end);
      if (known === undefined) {
        this.#waiters.set(key, waiters);
        // What is over already is told at once. Who joins others learns it together with them.
        this.#isNew = true;
        this.#youngest = waiters.since;
      }
      if (!this.#polling) void this.#poll();
    });
  }

  /**
   * Looks at a lease that another process has, for which nobody waits because there is something to show. If it is over, the next
   * page asks for the one behind it.
   */
  async watch(key: string): Promise<void> {
    if (this.#isClosed || this.isTaken(key) || this.#watched.has(key)) return;
    this.#watched.add(key);
    await this.#look([key]);
    this.#watched.delete(key);
  }

  /** Lets all go on that wait, and renews nothing more. What is held ends by itself. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#renewal);
    this.#held.clear();
    for (const { ends } of this.#waiters.values()) for (const end of ends) end('free');
  }

  #hold(key: string): void {
    if (this.#isClosed) return;
    if (this.#held.size === 0) this.#renewal = setInterval(() => this.#renew(), RENEWAL).unref();
    this.#held.set(key, { since: performance.now(), renewals: 0 });
  }

  #renew(): void {
    const now = performance.now();
    // What takes longer is made by somebody else as well.
    for (const [key, { since }] of this.#held) if (now - since > this.#wait) this.#held.delete(key);
    if (this.#held.size === 0) return clearInterval(this.#renewal);
    // Two at a time may be carried out in any order, the first of them after a lease has ended.
    if (this.#renewing !== undefined) return;
    const items = [...this.#held].map(([key, lease]) => this.#item(key, held(++lease.renewals), LIFE));
    this.#renewing = this.#store.setMany('entry', items, this.#timeout).finally(() => {
      this.#renewing = undefined;
    });
  }

  /** Looks at all leases that somebody waits for, in one batch, until nobody does. */
  async #poll(): Promise<void> {
    this.#polling = true;
    while (this.#waiters.size > 0) {
      const pause = this.#isNew ? 0 : pauseAfter(performance.now() - this.#youngest);
      this.#isNew = false;
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
      for (const [key, waited] of await this.#look([...this.#waiters.keys()])) {
        for (const end of this.#waiters.get(key)?.ends ?? []) end(waited);
      }
    }
    this.#polling = false;
  }

  /** Returns what came of leases, without those whose makers are at it. */
  async #look(keys: readonly string[]): Promise<ReadonlyMap<string, Waited>> {
    const answers = await this.#store.getMany('entry', keys, Math.min(this.#timeout, LOOK_TIMEOUT));
    const looked = new Map<string, Waited>();
    keys.forEach((key, i) => {
      const answer = answers[i];
      const said = answer?.state === 'found' ? this.#sealer.unseal('lease', key, answer.value) : answer?.state;
      const isHeld = said?.startsWith(HELD) === true;
      if (isHeld && !this.#isDead(key, said)) return;
      if (isHeld || said === 'done' || said === 'failed' || said === 'free') this.#end(key);
      // The store may have forgotten the lease: somebody takes it again, unless the entry is there.
      const waited =
        said === 'missing' ? 'gone' : said === 'done' ? said : isHeld || said === 'failed' ? 'failed' : 'free';
      looked.set(key, waited);
    });
    return looked;
  }

  /** Whether nobody has renewed a lease for as long as it is waited for. Then others are told that its maker has failed. */
  #isDead(key: string, said: string): boolean {
    const waiters = this.#waiters.get(key);
    if (waiters === undefined) return false;
    const now = performance.now();
    if (said !== waiters.said) Object.assign(waiters, { said, since: now });
    const isDead = now - waiters.since >= DEAD_AFTER;
    if (isDead) void this.#store.setMany('entry', [this.#item(key, 'failed', TOLD)], this.#timeout);
    return isDead;
  }

  #end(key: string): void {
    this.#over.set(key, this.#now() + TOLD * 1_000);
  }

  /** @param ttl seconds */
  #item(key: string, said: string, ttl: number): StoreItem {
    return { key, value: this.#sealer.seal('lease', key, said), ttl };
  }
}

/** Begins what a lease says while its maker lives. */
const HELD = 'held';

function held(renewals: number): string {
  return `${HELD} ${renewals}`;
}

/** @param waited milliseconds */
function pauseAfter(waited: number): number {
  return Math.min(Math.max(SHORTEST_PAUSE, Math.round(waited * PAUSE_SHARE)), LONGEST_PAUSE);
}
