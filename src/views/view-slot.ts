import { Dependencies } from '../cache/dependencies.ts';
import { type Entry, MAX_DEPENDENCIES } from '../cache/entry.ts';
import { canonicalKey, type KeyModel, type KeyParts, type StoredKey, safeKey } from '../cache/key.ts';
import { newEntry } from '../cache/new-entry.ts';
import type { Token } from '../cache/token.ts';
import { PENDING, type TokenReader, UNKNOWN } from '../cache/token-reader.ts';
import type { Identity } from '../model/identity.ts';
import { dependencyNames, ownName } from '../model/names.ts';
import { guardOf, VIEW_TYPE } from '../model/sparse-names.ts';
import { Body } from '../render/body.ts';
import type { Engine } from '../render/engine.ts';
import type { UncachedReason } from '../reporting/report.ts';
import { canonicalList } from '../util/canonical.ts';
import { digest } from '../util/digest.ts';
import type { Address } from './http/address.ts';
import { isSmall } from './http/sound-view.ts';
import { type AddressRecord, readView, type StoredView, writeRecord, writeView } from './http/stored-view.ts';
import type { ReadName } from './reads/read-names.ts';
import type { ReadReason } from './reads/request-reads.ts';
import { PERSONAL, type RequestValues, UNSEEN, type ValueText } from './reads/request-values.ts';

/** Keys in the store and in the memory tier. */
type ViewKey = StoredKey & { readonly memoryKey: string };

/** Reads, with the texts of what was found. */
type Found = readonly (readonly [ReadName, string])[];

type NotStored = UncachedReason | ReadReason;

/** A view that a handler has just made. */
export interface MadeView {
  readonly view: StoredView;
  /** What was read of the request to make it, with the texts of what was found. */
  readonly reads: ReadonlyMap<ReadName, ValueText>;
  /** All that it was made from, including the view's own names. */
  readonly dependencies: Dependencies;
  /** Earliest time its data was read, and its expiry, in milliseconds since 1970. */
  readonly since: number;
  readonly expires: number;
  /** Time to make it, in milliseconds. */
  readonly cost: number;
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
  readonly #identities: readonly Identity[];
  readonly #models: readonly Identity[];
  readonly #address: Address;
  readonly #kind: readonly string[];
  readonly #values: readonly unknown[];
  readonly #request: RequestValues;
  /** The view's names that have no token, each with the token of its guard. */
  readonly #guards = new Map<string, Token>();
  /** What is known of the address. */
  #record: AddressRecord = { reads: [], stored: [] };
  /** What this request has for the reads of the record. */
  #found: Found = [];

  /**
   * @param view `identities`: those of the view itself; `models`: those it shows; `kind`: texts that tell the route, and
   * what middleware left, from others; `values`: result of the `vary` option; `request`: what reads find
   */
  constructor(
    engine: Engine,
    view: {
      readonly identities: readonly Identity[];
      readonly models: readonly Identity[];
      readonly address: Address;
      readonly kind: readonly string[];
      readonly values: readonly unknown[];
      readonly request: RequestValues;
    },
  ) {
    this.#engine = engine;
    this.#reader = engine.reader(true);
    this.#identities = view.identities;
    this.#models = view.models;
    this.#address = view.address;
    this.#kind = view.kind;
    this.#values = view.values;
    this.#request = view.request;
  }

  /** Returns a body with the tokens of all names that the models depend on. */
  async depend(models: readonly Identity[]): Promise<Body> {
    const names = new Set(models.flatMap(dependencyNames));
    const body = new Body();
    for (const name of names) this.#reader.token(name);
    while (this.#reader.isPending) await this.#reader.ask();
    for (const name of names) {
      if (this.#reader.isMissing(name)) continue;
      // The name was changed in the transaction around, which no other connection can see yet.
      const token = this.#engine.isUncommitted(name) ? UNKNOWN : this.#reader.token(name);
      if (typeof token === 'string') body.dependencies.add(name, token);
      else body.uncached ??= 'unknown token';
    }
    return body;
  }

  /**
   * Returns the dependencies that the view has in any case. Call this first. Names of the view that have no token get
   * one when the view is stored, and join its dependencies then.
   */
  async open(): Promise<Body> {
    const body = await this.depend([...this.#identities, ...this.#models]);
    const missing = this.#identities.map(ownName).filter((name) => this.#reader.isMissing(name));
    for (const name of missing) this.#reader.token(guardOf(name));
    while (this.#reader.isPending) await this.#reader.ask();
    for (const name of missing) {
      const guard = this.#reader.token(guardOf(name));
      if (typeof guard === 'string') this.#guards.set(name, guard);
      else body.uncached ??= 'unknown token';
    }
    return body;
  }

  /**
   * Returns the view that may be served now, if there is one; a reason if handlers of this address read what belongs to
   * this visitor or cannot be compared.
   */
  async find(): Promise<StoredView | ReadReason | undefined> {
    // Without a token nothing can be stored.
    if (this.#guards.size > 0) return undefined;
    const found = await this.#read(this.#key([]));
    if (found === undefined || 'body' in found) return found;
    this.#record = found;
    const texts = found.reads.map((name) => [name, this.#request.text(name)] as const);
    const reason = reasonOf(texts);
    if (reason !== undefined) return reason;
    this.#found = texts as Found;
    const varied = await this.#read(this.#key(this.#found));
    return varied !== undefined && 'body' in varied ? varied : undefined;
  }

  /** The view's own names that have no token yet. */
  get newNames(): Iterable<string> {
    return this.#guards.keys();
  }

  /** Stores a view; returns the reason if it is not stored. Needs no time unless names need tokens. */
  keep(made: MadeView): NotStored | undefined | Promise<NotStored | undefined> {
    const { view, reads, dependencies, expires } = made;
    if (dependencies.tokens.size + this.#guards.size > MAX_DEPENDENCIES) return 'too many dependencies';
    const reason = reasonOf([...reads]);
    if (reason !== undefined) return reason;
    const found = [...new Map([...this.#found, ...(reads as ReadonlyMap<ReadName, string>)])].sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    const record = this.#recordWith(found);
    if (record === undefined) return 'reads too much';
    if (!isSmall(view)) return 'too large';
    dependencies.expires = Math.min(dependencies.expires, expires);
    // The tokens of guards tell when something was bumped last; those made for this view do not.
    let youngest = dependencies.youngest();
    for (const guard of this.#guards.values()) if (guard > youngest) youngest = guard;
    const store = () => this.#store(made, youngest, found, record);
    if (this.#guards.size === 0) return store();
    return this.#claim(dependencies).then((isClaimed) => (isClaimed ? store() : 'bumped meanwhile'));
  }

  /** Makes tokens for the names that have none; false if one of them was bumped since the request began. */
  async #claim(dependencies: Dependencies): Promise<boolean> {
    const left = (dependencies.expires - this.#engine.settings.now()) / 1_000;
    if (left <= 0) return false;
    const ttl = Math.ceil(Math.min(left, MAX_CLAIM) + CLAIM_MARGIN);
    if (!(await this.#reader.claim(this.#guards, ttl))) return false;
    for (const name of this.#guards.keys()) dependencies.add(name, this.#token(name));
    return true;
  }

  #store(
    { view, dependencies, since, cost }: MadeView,
    youngest: Token,
    found: Found,
    record: AddressRecord,
  ): NotStored | undefined {
    const { settings, entries } = this.#engine;
    const { memoryKey, ...stored } = this.#key(found);
    const entry = newEntry(settings, { html: writeView(view), cost, since, youngest }, dependencies);
    if (entry.expires <= settings.now()) return 'expired';
    if (!entries.fits(memoryKey, entry)) return 'too large';
    const kept = new Map([[memoryKey, [{ entry, stored }]]]);
    if (record !== this.#record) {
      const { memoryKey: plain, ...base } = this.#key([]);
      const made = { html: writeRecord(record), cost: 0, since, youngest };
      kept.set(plain, [{ entry: newEntry(settings, made, this.#ownDependencies(entry.expires)), stored: base }]);
    }
    entries.keep({ kept, found: NONE, records: NONE, reader: this.#reader });
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

  #ownDependencies(expires: number): Dependencies {
    const own = new Dependencies();
    for (const name of new Set(this.#identities.flatMap(dependencyNames))) own.add(name, this.#token(name));
    own.expires = expires;
    return own;
  }

  async #read({ memoryKey, ...stored }: ViewKey) {
    const { entries } = this.#engine;
    const [here] = entries.inMemory(memoryKey);
    if (here !== undefined && (await this.#isValid(here))) return readView(here.html);
    const { key, canonical } = stored;
    let entry = this.#reader.entry(key, canonical);
    if (entry === PENDING) {
      await this.#reader.ask();
      entry = this.#reader.entry(key, canonical);
    }
    if (entry === PENDING || entry === undefined || !(await this.#isValid(entry))) return undefined;
    entries.keep({
      kept: NONE,
      found: new Map([[memoryKey, [{ entry, stored }]]]),
      records: NONE,
      reader: this.#reader,
    });
    return readView(entry.html);
  }

  async #isValid(entry: Entry): Promise<boolean> {
    let verdict = this.#engine.entries.judge(entry, this.#reader);
    if (verdict === 'pending') {
      await this.#reader.ask();
      verdict = this.#engine.entries.judge(entry, this.#reader);
    }
    return verdict === 'valid' && (await this.#engine.areCurrent(entry.templates));
  }

  /** @param found what the request has for the reads of the view */
  #key(found: Found): ViewKey {
    const { namespace, version } = this.#engine.settings;
    const { host, path, query, urls } = this.#address;
    const models: KeyModel[] = this.#identities.map((identity) => {
      const name = ownName(identity);
      return { type: identity.type, id: identity.id, name, token: this.#token(name) };
    });
    const parts: KeyParts = {
      namespace,
      version,
      template: VIEW_TYPE,
      digest: 'GET',
      ordinal: 0,
      models,
      keys: canonicalList([host, path, query, others(urls), this.#kind], 'address'),
      using: '[]',
      vary: canonicalList([this.#values], 'vary value'),
      reads: found.length === 0 ? '' : JSON.stringify(found),
    };
    const canonical = canonicalKey(parts);
    // The memory key has no tokens, so that a newer view replaces an older one.
    const memoryKey = canonicalKey({ ...parts, models: models.map((model) => ({ ...model, token: '' })) });
    return { memoryKey, key: safeKey(canonical, parts), canonical };
  }

  #token(name: string): string {
    const token = this.#reader.token(name);
    return token === PENDING || token === UNKNOWN ? '' : token;
  }
}

/** Returns the urls that differ from the first, which is in the key anyway. */
function others([first, ...rest]: readonly string[]): readonly (string | 0)[] {
  return rest.every((url) => url === first) ? [] : rest.map((url) => (url === first ? 0 : url));
}

/** Returns why a key cannot hold these. */
function reasonOf(texts: readonly (readonly [ReadName, ValueText])[]): ReadReason | undefined {
  if (texts.some(([, text]) => text === PERSONAL)) return 'personal';
  return texts.some(([, text]) => text === UNSEEN) ? 'unseen' : undefined;
}

const NONE: ReadonlyMap<string, never> = new Map<string, never>();
