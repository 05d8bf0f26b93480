import { Dependencies } from '../cache/dependencies.ts';
import type { KeyedEntry, Verdict } from '../cache/entries.ts';
import { type Entry, MAX_DEPENDENCIES } from '../cache/entry.ts';
import { leaseKey, type StoredKey } from '../cache/key.ts';
import { newEntry } from '../cache/new-entry.ts';
import type { Token } from '../cache/token.ts';
import { PENDING, type TokenReader } from '../cache/token-reader.ts';
import type { Identity } from '../model/identity.ts';
import { dependencyNames } from '../model/names.ts';
import type { Body } from '../render/body.ts';
import type { Engine } from '../render/engine.ts';
import type { ViewServedFrom } from '../render/inspect.ts';
import type { Early } from '../render/making/early.ts';
import { because, whyOver } from '../render/why-missed.ts';
import type { Missing } from '../reporting/cause.ts';
import type { UncachedReason } from '../reporting/report.ts';
import type { Forward } from './http/cache-headers.ts';
import { isSmall } from './http/sound-view.ts';
import { type AddressRecord, type StoredView, viewOf, writeRecord, writeView } from './http/stored-view.ts';
import { type Found, foundFor, foundWith, recordWith, textOf } from './reads/address-reads.ts';
import type { ReadName } from './reads/read-names.ts';
import type { RequestValues } from './reads/request-values.ts';
import type { ReadReason, ValueText } from './reads/value-text.ts';
import { type AddressKeys, memoryKeyOf, storedKeyOf } from './view-keys.ts';
import type { KeptViews } from './view-making.ts';
import { ViewTokens } from './view-tokens.ts';

/** What a process has for a request without asking the store. */
type Here = StoredView | ReadReason | undefined;

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

/** A view that a request asks for. */
export interface WantedView {
  readonly keys: AddressKeys;
  /** Models that it shows in any case. */
  readonly models: readonly Identity[];
  /** What reads find. */
  readonly request: RequestValues;
  /** Decides whether the request makes the view before it has expired. */
  readonly early: Early | undefined;
}

/** Finds and stores one view, for one request. */
export class ViewSlot {
  readonly #engine: Engine;
  /** Those that this request finds for the view. */
  readonly tokens: ViewTokens;
  readonly #reader: TokenReader;
  readonly #keys: AddressKeys;
  readonly #models: readonly Identity[];
  readonly #request: RequestValues;
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
  /** The read for which the request goes past the cache. */
  refused: ReadName | undefined;
  /** What was stored. */
  kept: KeptViews = NONE;
  readonly #handed: KeptViews;

  /** @param handed what another request has made for this one */
  constructor(engine: Engine, view: WantedView, handed: KeptViews = NONE) {
    this.#handed = handed;
    this.#engine = engine;
    this.tokens = new ViewTokens(engine);
    this.#reader = this.tokens.reader;
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
   * Returns how the view was looked up, for the panel.
   *
   * @param isKept whether there is a view: it was served, or was made and stored
   */
  servedFrom(isKept: boolean): ViewServedFrom {
    const { identities, parts } = this.#keys;
    return {
      entry: isKept ? this.#entry : undefined,
      identities,
      models: this.#models,
      keys: parts.keys,
      vary: parts.vary,
      reads: this.#found,
    };
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

  #foundFor(record: AddressRecord): Found | ReadReason {
    const found = foundFor(record, this.#request);
    if (!('reason' in found)) return found;
    this.refused = found.read;
    return found.reason;
  }

  #here(found: Found): Entry | undefined {
    const memoryKey = memoryKeyOf(this.#keys, textOf(found));
    return this.#handed.get(memoryKey)?.[0]?.entry ?? this.#engine.entries.protectedInMemory(memoryKey)[0];
  }

  /** Names that the view has in any case. */
  get #names(): readonly string[] {
    return [...this.#keys.identities, ...this.#models].flatMap(dependencyNames);
  }

  /** What is to be made: its keys, and the tokens of all that it will be made from, as far as they are known. */
  what(): { memoryKey: string; variant: string; tokens: ReadonlyMap<string, Token> } {
    const { dependencies = [] } = this.#here(this.#found) ?? {};
    const tokens = this.tokens.known([...this.#names, ...namesOf(dependencies)]);
    return { memoryKey: this.#keys.memoryKey, variant: textOf(this.#found), tokens };
  }

  /** Returns the key of the view's lease: its own, and the tokens of all that it, or an invalid one in its place, is made from. */
  async leaseKey(): Promise<string> {
    const { key, canonical } = this.#stored(this.#found);
    const { dependencies = [] } = this.#reader.known(key, canonical) ?? {};
    const names = this.#names;
    const others = namesOf(dependencies);
    await this.tokens.ask([...names, ...others]);
    // Processes do not forget a view whose lifetime is over at the same time.
    const hasChanged = others.some((name, i) => this.tokens.of(name) !== dependencies[2 * i + 1]);
    const tokens = (hasChanged ? [...names, ...others] : names).map((name) => String(this.tokens.of(name)));
    return leaseKey([canonical, ...tokens].join('\n'), this.#engine.settings);
  }

  /** Whether these are the tokens that this request finds. */
  hasTokens(tokens: ReadonlyMap<string, Token>): Promise<boolean> {
    return this.tokens.are(tokens);
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

  /** Returns the dependencies that the view has in any case. Call this first. */
  open(): Promise<Body> {
    return this.tokens.depend([...this.#keys.identities, ...this.#models]);
  }

  /**
   * Returns the view that may be served now, if there is one; a reason if handlers of this address read what belongs to
   * this visitor or cannot be compared.
   */
  async find(): Promise<StoredView | ReadReason | undefined> {
    // What is stored depends on all these names, and has their tokens.
    if (this.tokens.missing > 0) return undefined;
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
    if (this.tokens.missing > 0) return undefined;
    const record = await this.#readMeanwhile([]);
    if (record === undefined || 'body' in record) return record;
    const found = foundFor(record, this.#request);
    const varied = 'reason' in found ? undefined : await this.#readMeanwhile(found);
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

  /** Stores a view; returns the reason if it is not stored. Needs no time unless names need tokens. */
  keep(made: MadeView): NotStored | undefined | Promise<NotStored | undefined> {
    const { view, reads, dependencies } = made;
    if (dependencies.tokens.size + this.tokens.missing > MAX_DEPENDENCIES) return 'too many dependencies';
    const found = foundWith(this.#found, reads);
    if (typeof found === 'string') return found;
    const record = recordWith(this.#record, found);
    if (record === undefined) return 'reads too much';
    if (!isSmall(view)) return 'too large';
    const youngest = this.tokens.youngest(dependencies);
    const store = () => this.#store(made, youngest, found, record);
    if (this.tokens.missing === 0) return store();
    return this.tokens.claim(dependencies).then((isClaimed) => (isClaimed ? store() : 'bumped meanwhile'));
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
    this.#entry = entry;
    this.#found = found;
    return undefined;
  }

  /** Returns what the record of an address depends on. It lives as long as the view that it was written for. */
  #ownDependencies({ expires, stale }: Entry): Dependencies {
    const own = new Dependencies();
    for (const name of new Set(this.#keys.identities.flatMap(dependencyNames))) own.add(name, this.tokens.text(name));
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
    return storedKeyOf(this.#keys, textOf(found), (name) => this.tokens.text(name));
  }
}

const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** Returns the names among the dependencies of an entry, in which the token of each follows it. */
function namesOf(dependencies: readonly string[]): readonly string[] {
  return dependencies.filter((_, i) => i % 2 === 0);
}
