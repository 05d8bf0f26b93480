import type { IncomingHttpHeaders } from 'node:http';
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
import type { Address } from './http/address.ts';
import { isSmall } from './http/sound-view.ts';
import { readView, type StoredView, writeVary, writeView } from './http/stored-view.ts';

type RequestHeaders = Pick<IncomingHttpHeaders, string>;

/** Keys in the store and in the memory tier. */
type ViewKey = StoredKey & { readonly memoryKey: string };

/** A view that a handler has just made. */
export interface MadeView {
  readonly view: StoredView;
  /** Request headers that its Vary names. */
  readonly vary: readonly string[];
  /** All that it was made from, including the view's own names. */
  readonly dependencies: Dependencies;
  /** Earliest time its data was read, and its expiry, in milliseconds since 1970. */
  readonly since: number;
  readonly expires: number;
  /** Time to make it, in milliseconds. */
  readonly cost: number;
}

/** Longest time that a view's token is kept for it, and what is added for views stored later, in seconds. */
const MAX_CLAIM = 29 * 24 * 60 * 60;
const CLAIM_MARGIN = 24 * 60 * 60;
const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** Finds and stores one view, for one request. */
export class ViewSlot {
  readonly #engine: Engine;
  readonly #reader: TokenReader;
  readonly #identities: readonly Identity[];
  readonly #models: readonly Identity[];
  readonly #address: Address;
  readonly #values: readonly unknown[];
  readonly #headers: RequestHeaders;
  /** The view's names that have no token, each with the token of its guard. */
  readonly #guards = new Map<string, Token>();
  /** Request headers on which views of this url are known to depend. */
  #varied: readonly string[] = [];

  /**
   * @param view `identities`: those of the view itself; `models`: those it shows; `values`: result of the `vary` option
   */
  constructor(
    engine: Engine,
    view: {
      readonly identities: readonly Identity[];
      readonly models: readonly Identity[];
      readonly address: Address;
      readonly values: readonly unknown[];
      readonly headers: RequestHeaders;
    },
  ) {
    this.#engine = engine;
    this.#reader = engine.reader(true);
    this.#identities = view.identities;
    this.#models = view.models;
    this.#address = view.address;
    this.#values = view.values;
    this.#headers = view.headers;
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

  /** Returns the view that may be served now, if there is one. */
  async find(): Promise<StoredView | undefined> {
    // Without a token nothing can be stored.
    if (this.#guards.size > 0) return undefined;
    const found = await this.#read(this.#key([]));
    if (found === undefined || 'body' in found) return found;
    this.#varied = found.vary;
    const varied = await this.#read(this.#key(this.#varied));
    return varied !== undefined && 'body' in varied ? varied : undefined;
  }

  /** The view's own names that have no token yet. */
  get newNames(): Iterable<string> {
    return this.#guards.keys();
  }

  /** Stores a view; returns the reason if it is not stored. Needs no time unless names need tokens. */
  keep(made: MadeView): UncachedReason | undefined | Promise<UncachedReason | undefined> {
    const { view, dependencies, expires } = made;
    if (dependencies.tokens.size + this.#guards.size > MAX_DEPENDENCIES) return 'too many dependencies';
    if (!isSmall(view)) return 'too large';
    dependencies.expires = Math.min(dependencies.expires, expires);
    // The tokens of guards tell when something was bumped last; those made for this view do not.
    let youngest = dependencies.youngest();
    for (const guard of this.#guards.values()) if (guard > youngest) youngest = guard;
    if (this.#guards.size === 0) return this.#store(made, youngest);
    return this.#claim(dependencies).then((isClaimed) =>
      isClaimed ? this.#store(made, youngest) : 'bumped meanwhile',
    );
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

  #store({ view, vary, dependencies, since, cost }: MadeView, youngest: Token): UncachedReason | undefined {
    const { settings, entries } = this.#engine;
    const headers = [...new Set([...this.#varied, ...vary])].sort();
    const { memoryKey, ...stored } = this.#key(headers);
    const entry = newEntry(settings, { html: writeView(view), cost, since, youngest }, dependencies);
    if (entry.expires <= settings.now()) return 'expired';
    if (!entries.fits(memoryKey, entry)) return 'too large';
    const kept = new Map([[memoryKey, [{ entry, stored }]]]);
    if (headers.length > 0) {
      const { memoryKey: plain, ...base } = this.#key([]);
      const made = { html: writeVary({ vary: headers }), cost: 0, since, youngest };
      kept.set(plain, [{ entry: newEntry(settings, made, this.#ownDependencies(entry.expires)), stored: base }]);
    }
    entries.keep({ kept, found: NONE, records: NONE, reader: this.#reader });
    return undefined;
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

  /** @param vary request headers to include in the key */
  #key(vary: readonly string[]): ViewKey {
    const { namespace, version } = this.#engine.settings;
    const { host, path, query } = this.#address;
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
      keys: canonicalList([host, path, query], 'address'),
      using: '[]',
      vary: canonicalList([this.#values, vary.map((name) => [name, this.#headers[name] ?? null])], 'vary value'),
      reads: '',
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
