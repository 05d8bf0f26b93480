import { Dependencies } from '../cache/dependencies.ts';
import type { KeyedEntry, Verdict } from '../cache/entries.ts';
import { type Entry, MAX_DEPENDENCIES } from '../cache/entry.ts';
import { leaseKey, type StoredKey } from '../cache/key.ts';
import { newEntry } from '../cache/new-entry.ts';
import type { Token } from '../cache/token.ts';
import { PENDING, type TokenReader, UNKNOWN } from '../cache/token-reader.ts';
import type { Identity } from '../model/identity.ts';
import { dependencyNames } from '../model/names.ts';
import { guardOf } from '../model/sparse-names.ts';
import { Body } from '../render/body.ts';
import type { Engine } from '../render/engine.ts';
import type { Early } from '../render/making/early.ts';
import { because, whyOver } from '../render/why-missed.ts';
import type { Missing } from '../reporting/cause.ts';
import type { UncachedReason } from '../reporting/report.ts';
import { digest } from '../util/digest.ts';
import type { Forward } from './http/cache-headers.ts';
import { isSmall } from './http/sound-view.ts';
import { type AddressRecord, type StoredView, viewOf, writeRecord, writeView } from './http/stored-view.ts';
import type { ReadName } from './reads/read-names.ts';
import type { RequestValues } from './reads/request-values.ts';
import { type ReadReason, readReasonOf, type ValueText } from './reads/value-text.ts';
import { type AddressKeys, memoryKeyOf, storedKeyOf } from './view-keys.ts';
import type { KeptViews } from './view-making.ts';

/** What a process has for a request without asking the store. */
type Here = StoredView | ReadReason | undefined;

/** Reads, with the texts of what was found. */
type Found = readonly (readonly [ReadName, string])[];

type NotStored = UncachedReason | ReadReason;

/** A view that a handler has just made. */
export interface MadeView {
  readonly view: StoredView;
  /** What was read of the request to make it, with the texts of what was found. */
  readonly reads: ReadonlyMap<ReadName, ValueText>;
  /** All that it was made from, including the view's own names; and when it ends. */
  readonly dependencies: Dependencies;
  /** Earliest time its data was read, in milliseconds since 1970. */
  readonly since: number;
  /** Time to make it, in milliseconds. */
  readonly cost: number;
  /** The same by the clock of expiry, up to when the answer was given. */
  readonly duration: number;
  /** Leases of the view, which end when it is stored. */
  readonly held: Set<string>;
}

/** An address whose handlers read more than this is not cached: looking a view up would cost too much. */
const MAX_READS = 50;
/** An address with more views has almost as many as visitors. */
const MAX_VALUES = 64;
/** Longest time that a view's token is kept for it, and what is added for views stored later, in seconds. */
const MAX_CLAIM = 29 * 24 * 60 * 60;
const CLAIM_MARGIN = 24 * 60 * 60;

/** Finds and stores one view, for one request. */
export class ViewSlot {
  readonly #engine: Engine;
  readonly #reader: TokenReader;
  readonly #keys: AddressKeys;
  readonly #models: readonly Identity[];
  readonly #request: RequestValues;
  /** Names that the view depends on and that have no token, each with the token of its guard. */
  readonly #guards = new Map<string, Token>();
  /** What was found last that may be served. */
  #entry: Entry | undefined;
  /** What was found last that may not be served any more. */
  #outdated: Entry | undefined;
  /** Whether that is because a template was edited. */
  #isEdited = false;
  /** Whether what was found may be served only because the store cannot be asked: the option `outage`. */
  isOutage = false;
  /** Whether what was found has expired, and may be served only while another request makes it anew. */
  isStale = false;
  /** When the view ends that this request makes early, in milliseconds since 1970; 0 if it does not. */
  renews = 0;
  readonly #early: Early | undefined;
  /** When the record of the address ends that was found, in milliseconds since 1970. */
  #recordEnds = Number.POSITIVE_INFINITY;
  /** What is known of the address. */
  #record: AddressRecord = { reads: [], stored: [] };
  /** What this request has for the reads of the record. */
  #found: Found = [];
  /** What was stored. */
  kept: KeptViews = NONE;
  readonly #handed: KeptViews;

  /**
   * @param view `keys`: of its address; `models`: those it shows; `request`: what reads find; `early`: decides whether this request
   * makes a view before it has expired
   * @param handed what another request has made for this one
   */
  constructor(
    engine: Engine,
    view: {
      readonly keys: AddressKeys;
      readonly models: readonly Identity[];
      readonly request: RequestValues;
      readonly early: Early | undefined;
    },
    handed: KeptViews = NONE,
  ) {
    this.#handed = handed;
    this.#engine = engine;
    this.#reader = engine.reader(true);
    this.#keys = view.keys;
    this.#models = view.models;
    this.#request = view.request;
    // What another has just made is served.
    this.#early = handed.size > 0 ? undefined : view.early;
  }

  /** Milliseconds that the view took which was found. */
  get cost(): number {
    return (this.#entry?.microseconds ?? 0) / 1_000;
  }

  /** When the view ends that was found: milliseconds since 1970, infinite if it does not end by time. */
  get expires(): number {
    return this.#entry?.expires ?? Number.POSITIVE_INFINITY;
  }

  /** Why nothing was found: a view has ended, there are views of the address for other requests, or there are none. */
  get forward(): Forward {
    if (this.#outdated !== undefined) return 'stale';
    return this.#record.reads.length > 0 ? 'vary-miss' : 'uri-miss';
  }

  /** The same, and what is known of why a view has ended. */
  get missing(): Missing {
    // Where names have no token nothing is looked for in the store.
    const outdated = this.#outdated ?? this.#here(this.#found);
    if (outdated === undefined) return because(this.#record.reads.length > 0 ? 'reads' : 'new');
    const over = whyOver(outdated, this.#reader, this.#engine.settings.now());
    return over ?? because(this.#isEdited ? 'template' : this.renews > 0 ? 'early' : 'unknown');
  }

  /**
   * Returns the view if this process has it and it may be served now, a reason as {@link find} does, and undefined if the
   * store has to be asked. Where tokens are in this process, nothing is waited for.
   */
  findHere(): Here | Promise<Here> {
    const record = this.#here([]);
    if (record === undefined) return undefined;
    const view = viewOf(record);
    if (view === undefined || !('reads' in view)) return this.#judged([record], view);
    const found = this.#foundFor(view);
    if (typeof found === 'string') return this.#judged([record], found);
    this.#found = found;
    const varied = this.#here(found);
    const own = varied && viewOf(varied);
    return varied === undefined || own === undefined || 'reads' in own
      ? undefined
      : this.#judged([record, varied], own);
  }

  #here(found: Found): Entry | undefined {
    const memoryKey = memoryKeyOf(this.#keys, textOf(found));
    return this.#handed.get(memoryKey)?.[0]?.entry ?? this.#engine.entries.protectedInMemory(memoryKey)[0];
  }

  /** What is to be made: its keys, and the tokens of all that it will be made from, as far as they are known. */
  what(): { memoryKey: string; variant: string; tokens: ReadonlyMap<string, Token> } {
    const tokens = new Map<string, Token>(this.#guards);
    const add = (name: string): void => {
      const token = this.#reader.knownToken(name);
      if (token !== undefined) tokens.set(name, token);
    };
    for (const model of [...this.#keys.identities, ...this.#models]) dependencyNames(model).forEach(add);
    const { dependencies = [] } = this.#here(this.#found) ?? {};
    for (let i = 0; i < dependencies.length; i += 2) add(dependencies[i] as string);
    return { memoryKey: this.#keys.memoryKey, variant: textOf(this.#found), tokens };
  }

  /** Returns the key of the view's lease: its own, and the tokens of all that it, or an invalid one in its place, is made from. */
  async leaseKey(): Promise<string> {
    const { key, canonical } = this.#stored(this.#found);
    const { dependencies = [] } = this.#reader.known(key, canonical) ?? {};
    const names = [...this.#keys.identities, ...this.#models].flatMap(dependencyNames);
    const tokenOf = (name: string) => this.#guards.get(name) ?? this.#reader.token(name);
    const others = dependencies.filter((_, i) => i % 2 === 0);
    for (const name of [...names, ...others]) tokenOf(name);
    while (this.#reader.isPending) await this.#reader.ask();
    // Processes do not forget a view whose lifetime is over at the same time.
    if (others.some((name, i) => tokenOf(name) !== dependencies[2 * i + 1])) names.push(...others);
    return leaseKey([canonical, ...names.map((name) => String(tokenOf(name)))].join('\n'), this.#engine.settings);
  }

  /** Whether these are the tokens that this request finds. */
  async hasTokens(tokens: ReadonlyMap<string, Token>): Promise<boolean> {
    const tokenOf = (name: string) => this.#guards.get(name) ?? this.#reader.token(name);
    for (const name of tokens.keys()) tokenOf(name);
    while (this.#reader.isPending) await this.#reader.ask();
    for (const [name, token] of tokens) if (tokenOf(name) !== token) return false;
    return true;
  }

  /** Returns what was found in entries if all of them may be served now. */
  #judged(entries: readonly Entry[], found: Here): Here | Promise<Here> {
    const verdicts = entries.map((entry) => this.#engine.entries.judge(entry, this.#reader));
    if (verdicts.includes('invalid') || (!verdicts.includes('outage') && this.#isEarly(entries.at(-1))))
      return undefined;
    this.#entry = entries.at(-1);
    const isValid = verdicts.every((verdict) => verdict === 'valid');
    const isKnown = isValid && entries.every(({ templates }) => templates.length === 0);
    return isKnown ? found : this.#judgedLater(entries, found);
  }

  async #judgedLater(entries: readonly Entry[], found: Here): Promise<Here> {
    // All tokens are asked for in one round trip.
    for (const entry of entries) if (!(await this.#mayServeHere(entry))) return undefined;
    return found;
  }

  /** Returns what this request has for the reads of a record, or why it goes past the cache. */
  #foundFor({ reads }: AddressRecord): Found | ReadReason {
    const texts = reads.map((name) => [name, this.#request.text(name)] as const);
    return readReasonOf(texts.map(([, text]) => text)) ?? (texts as unknown as Found);
  }

  /**
   * Returns a body with the tokens of all names that the models depend on. Names that have no token get one when the view
   * is stored, and join its dependencies then.
   */
  async depend(models: readonly Identity[]): Promise<Body> {
    const names = new Set(models.flatMap(dependencyNames));
    const body = new Body();
    for (const name of names) this.#reader.token(name);
    while (this.#reader.isPending) await this.#reader.ask();
    const missing = new Set([...names].filter((name) => this.#reader.isMissing(name)));
    for (const name of missing) this.#reader.token(guardOf(name));
    while (this.#reader.isPending) await this.#reader.ask();
    for (const name of names) {
      const isMissing = missing.has(name);
      // The name was changed in the transaction around, which no other connection can see yet.
      const token = this.#engine.isUncommitted(name) ? UNKNOWN : this.#reader.token(isMissing ? guardOf(name) : name);
      if (typeof token !== 'string') body.uncached ??= 'unknown token';
      else if (isMissing) this.#guards.set(name, token);
      else body.dependencies.add(name, token);
    }
    return body;
  }

  /** Returns the dependencies that the view has in any case. Call this first. */
  open(): Promise<Body> {
    return this.depend([...this.#keys.identities, ...this.#models]);
  }

  /**
   * Returns the view that may be served now, if there is one; a reason if handlers of this address read what belongs to
   * this visitor or cannot be compared.
   */
  async find(): Promise<StoredView | ReadReason | undefined> {
    // What is stored depends on all these names, and has their tokens.
    if (this.#guards.size > 0) return undefined;
    const record = await this.#read([]);
    if (record === undefined || 'body' in record) return record;
    this.#record = record;
    const found = this.#foundFor(record);
    if (typeof found === 'string') return found;
    this.#found = found;
    const varied = await this.#read(found);
    return varied !== undefined && 'body' in varied ? varied : undefined;
  }

  /**
   * Returns the view that may be served while another request makes it anew, if there is one: this request would have made it
   * early, or its ttl is over, and its stale time is not.
   */
  async findMeanwhile(): Promise<StoredView | undefined> {
    if (this.#guards.size > 0) return undefined;
    const record = await this.#readMeanwhile([]);
    if (record === undefined || 'body' in record) return record;
    const found = this.#foundFor(record);
    const varied = typeof found === 'string' ? undefined : await this.#readMeanwhile(found);
    return varied !== undefined && 'body' in varied ? varied : undefined;
  }

  async #readMeanwhile(found: Found): Promise<StoredView | AddressRecord | undefined> {
    const { entries } = this.#engine;
    for (const entry of [this.#here(found), await this.#far(this.#stored(found))]) {
      if (entry === undefined) continue;
      const isValid = (await this.#judge(entry)) === 'valid';
      if (!isValid && (await this.#judge(entry, () => entries.judgeStale(entry, this.#reader))) !== 'valid') continue;
      this.isStale ||= !isValid;
      this.#entry = entry;
      return viewOf(entry);
    }
    return undefined;
  }

  /** Names that the view depends on and that have no token yet. */
  get newNames(): Iterable<string> {
    return this.#guards.keys();
  }

  /** Stores a view; returns the reason if it is not stored. Needs no time unless names need tokens. */
  keep(made: MadeView): NotStored | undefined | Promise<NotStored | undefined> {
    const { view, reads, dependencies } = made;
    if (dependencies.tokens.size + this.#guards.size > MAX_DEPENDENCIES) return 'too many dependencies';
    const reason = readReasonOf(reads.values());
    if (reason !== undefined) return reason;
    const found = [...new Map([...this.#found, ...(reads as ReadonlyMap<ReadName, string>)])].sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    const record = this.#recordWith(found);
    if (record === undefined) return 'reads too much';
    if (!isSmall(view)) return 'too large';
    // The tokens of guards tell when something was bumped last; those made for this view do not.
    let youngest = dependencies.youngest();
    for (const guard of this.#guards.values()) if (guard > youngest) youngest = guard;
    const store = () => this.#store(made, youngest, found, record);
    if (this.#guards.size === 0) return store();
    return this.#claim(dependencies).then((isClaimed) => (isClaimed ? store() : 'bumped meanwhile'));
  }

  /** Makes tokens for the names that have none; false if one of them was bumped since the request began. */
  async #claim(dependencies: Dependencies): Promise<boolean> {
    const now = this.#engine.settings.now();
    if (dependencies.expires <= now) return false;
    const left = (dependencies.staleUntil - now) / 1_000;
    const ttl = Math.ceil(Math.min(left, MAX_CLAIM) + CLAIM_MARGIN);
    if (!(await this.#reader.claim(this.#guards, ttl))) return false;
    for (const name of this.#guards.keys()) dependencies.add(name, this.#token(name));
    return true;
  }

  #store(
    { view, dependencies, since, cost, duration, held }: MadeView,
    youngest: Token,
    found: Found,
    record: AddressRecord,
  ): NotStored | undefined {
    const { settings, entries } = this.#engine;
    const memoryKey = memoryKeyOf(this.#keys, textOf(found));
    const stored = this.#stored(found);
    const entry = newEntry(settings, { html: writeView(view), cost, duration, since, youngest }, dependencies);
    if (entry.expires <= settings.now()) return 'expired';
    if (!entries.fits(memoryKey, entry)) return 'too large';
    const kept = new Map<string, readonly KeyedEntry[]>([[memoryKey, [{ entry, stored }]]]);
    // Without its record a view cannot be found.
    if (record !== this.#record || (found.length > 0 && this.#recordEnds < entry.expires)) {
      const made = { html: writeRecord(record), cost: 0, duration: 0, since, youngest };
      const base = newEntry(settings, made, this.#ownDependencies(entry));
      kept.set(this.#keys.memoryKey, [{ entry: base, stored: this.#stored([]) }]);
    }
    entries.keep({ kept, found: NONE, records: NONE, reader: this.#reader, held });
    this.kept = kept;
    return undefined;
  }

  /** Returns the record with one more view; undefined if the address has too many. */
  #recordWith(found: Found): AddressRecord | undefined {
    if (found.length === 0) return this.#record;
    const values = digest(JSON.stringify(found), 12);
    const { reads, stored } = this.#record;
    if (found.length === reads.length && stored.includes(values)) return this.#record;
    if (found.length > MAX_READS || stored.length >= MAX_VALUES) return undefined;
    return { reads: found.map(([name]) => name), stored: [...new Set([...stored, values])] };
  }

  /** Returns what the record of an address depends on. It lives as long as the view that it was written for. */
  #ownDependencies({ expires, stale }: Entry): Dependencies {
    const own = new Dependencies();
    for (const name of new Set(this.#keys.identities.flatMap(dependencyNames))) own.add(name, this.#token(name));
    own.endAt(expires, expires + stale);
    return own;
  }

  async #read(found: Found): Promise<StoredView | AddressRecord | undefined> {
    const { entries } = this.#engine;
    const here = this.#here(found);
    if (here !== undefined) {
      if (await this.#mayServeHere(here)) return this.#served(here, found);
      this.#outdated = here;
    }
    if (!entries.areShared) return undefined;
    const stored = this.#stored(found);
    const entry = await this.#far(stored);
    if (entry === undefined) return undefined;
    if ((await this.#judge(entry)) !== 'valid' || this.#isEarly(entry)) {
      this.#outdated = entry;
      return undefined;
    }
    entries.keep({
      kept: NONE,
      found: new Map([[memoryKeyOf(this.#keys, textOf(found)), [{ entry, stored }]]]),
      records: NONE,
      reader: this.#reader,
      held: new Set(),
    });
    return this.#served(entry, found);
  }

  #served(entry: Entry, found: Found): StoredView | AddressRecord | undefined {
    if (found.length === 0) this.#recordEnds = entry.expires;
    this.#entry = entry;
    return viewOf(entry);
  }

  /** Whether this request makes a valid view anew. The record of an address takes no time to make. */
  #isEarly(entry: Entry | undefined): boolean {
    if (entry === undefined || !this.#early?.isDue(entry, 0)) return false;
    this.renews = Math.max(this.renews, entry.expires);
    return true;
  }

  /** Returns what the store has under a key. */
  async #far({ key, canonical }: StoredKey): Promise<Entry | undefined> {
    let entry = this.#reader.entry(key, canonical);
    if (entry === PENDING) {
      await this.#reader.ask();
      entry = this.#reader.entry(key, canonical);
    }
    return entry === PENDING ? undefined : entry;
  }

  /** Whether an entry of the memory tier may be served: it is valid, or this process knew so before an outage. */
  async #mayServeHere(entry: Entry): Promise<boolean> {
    const verdict = await this.#judge(entry);
    if (verdict === 'outage') this.isOutage = true;
    return verdict === 'outage' || (verdict === 'valid' && !this.#isEarly(entry));
  }

  /** @param judge judges its tokens and its end */
  async #judge(entry: Entry, judge = (): Verdict => this.#engine.entries.judge(entry, this.#reader)): Promise<Verdict> {
    let verdict = judge();
    if (verdict === 'pending') {
      await this.#reader.ask();
      verdict = judge();
    }
    if (verdict === 'invalid' || (await this.#engine.areCurrent(entry.templates))) return verdict;
    this.#isEdited = true;
    return 'invalid';
  }

  #stored(found: Found): StoredKey {
    return storedKeyOf(this.#keys, textOf(found), (name) => this.#token(name));
  }

  #token(name: string): string {
    const token = this.#reader.token(name);
    return token === PENDING || token === UNKNOWN ? '' : token;
  }
}

/** Returns what the keys have for the reads of a view. */
function textOf(found: Found): string {
  return found.length === 0 ? '' : JSON.stringify(found);
}

const NONE: ReadonlyMap<string, never> = new Map<string, never>();
