import type { IncomingHttpHeaders } from 'node:http';
import { Dependencies } from '../cache/dependencies.ts';
import { type Entry, MAX_DEPENDENCIES } from '../cache/entry.ts';
import { canonicalKey, type KeyModel, type KeyParts, type StoredKey, safeKey } from '../cache/key.ts';
import { newEntry } from '../cache/new-entry.ts';
import { PENDING, type TokenReader, UNKNOWN } from '../cache/token-reader.ts';
import type { Identity } from '../model/identity.ts';
import { dependencyNames, ownName } from '../model/names.ts';
import { Body } from '../render/body.ts';
import type { Engine } from '../render/engine.ts';
import type { UncachedReason } from '../reporting/report.ts';
import { canonicalList } from '../util/canonical.ts';
import type { Address } from './http/address.ts';
import { isSmall } from './http/sound-view.ts';
import { readView, type StoredView, writeVary, writeView } from './http/stored-view.ts';
import { VIEW_TYPE } from './view-names.ts';

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

/** Finds and stores one view, for one request. */
export class ViewSlot {
  readonly #engine: Engine;
  readonly #reader: TokenReader;
  readonly #identities: readonly Identity[];
  readonly #models: readonly Identity[];
  readonly #address: Address;
  readonly #values: readonly unknown[];
  readonly #headers: RequestHeaders;
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
      // The name was changed in the transaction around, which no other connection can see yet.
      const token = this.#engine.isUncommitted(name) ? UNKNOWN : this.#reader.token(name);
      if (typeof token === 'string') body.dependencies.add(name, token);
      else body.uncached ??= 'unknown token';
    }
    return body;
  }

  /** Returns the dependencies that the view has in any case. Call this first. */
  open(): Promise<Body> {
    return this.depend([...this.#identities, ...this.#models]);
  }

  /** Returns the view that may be served now, if there is one. */
  async find(): Promise<StoredView | undefined> {
    // This request made the token, so nothing can be stored under it.
    if (this.#identities.some((identity) => this.#reader.isFresh(ownName(identity)))) return undefined;
    const found = await this.#read(this.#key([]));
    if (found === undefined || 'body' in found) return found;
    this.#varied = found.vary;
    const varied = await this.#read(this.#key(this.#varied));
    return varied !== undefined && 'body' in varied ? varied : undefined;
  }

  /** Stores a view; returns the reason if it is not stored. */
  keep({ view, vary, dependencies, since, expires, cost }: MadeView): UncachedReason | undefined {
    const { settings, entries } = this.#engine;
    if (dependencies.tokens.size > MAX_DEPENDENCIES) return 'too many dependencies';
    if (!isSmall(view)) return 'too large';
    dependencies.expires = Math.min(dependencies.expires, expires);
    const headers = [...new Set([...this.#varied, ...vary])].sort();
    const { memoryKey, ...stored } = this.#key(headers);
    const entry = newEntry(settings, { html: writeView(view), cost, since }, dependencies);
    if (entry.expires <= settings.now()) return 'expired';
    if (!entries.fits(memoryKey, entry)) return 'too large';
    const kept = new Map([[memoryKey, [{ entry, stored }]]]);
    if (headers.length > 0) {
      const { memoryKey: plain, ...base } = this.#key([]);
      const made = { html: writeVary({ vary: headers }), cost: 0, since };
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

const NONE: ReadonlyMap<string, never> = new Map<string, never>();
