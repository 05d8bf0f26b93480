import type { Entries, Verdict } from '../cache/entries.ts';
import type { Entry } from '../cache/entry.ts';
import type { StoredKey } from '../cache/key.ts';
import { PENDING } from '../cache/token-reader.ts';
import type { Identity } from '../model/identity.ts';
import { ownName } from '../model/names.ts';
import type { Settings } from '../options.ts';
import { compare } from '../reads/reads.ts';
import { addTo } from '../util/lists.ts';
import { Bodies, type Body, type Reading } from './body.ts';
import type { FragmentCall, Missed, Use } from './fragment-call.ts';
import type { FragmentKey, KeyMaker } from './fragment-key.ts';
import { FragmentMaker } from './fragment-maker.ts';
import { elapsed, reportFragment } from './fragment-report.ts';
import { isOver, latest } from './lifetime.ts';
import { FragmentMakings } from './making/fragment-makings.ts';
import { Records } from './records.ts';
import type { KeptEntry, Render } from './render.ts';
import { StoredKeys } from './stored-keys.ts';
import type { Chosen, Found } from './verify/watch.ts';
import { whyMissed } from './why-missed.ts';

/** Judges an entry by its tokens and its end. */
type Judge = (entry: Entry, render: Render) => Verdict;

/** Serves the fragment tag: looks for a valid entry, or renders the body and keeps it. */
export class Fragments {
  readonly bodies: Bodies = new Bodies();
  readonly #settings: Settings;
  readonly #keys: KeyMaker;
  readonly #entries: Entries;
  readonly #stored: StoredKeys;
  readonly #maker: FragmentMaker;

  readonly #makings: FragmentMakings;
  readonly #asMade: Judge = (entry, { reader }) => this.#entries.judge(entry, reader);
  /** Counts what this page makes early as expired. In an outage nothing new can be made. */
  readonly #asHit: Judge = (entry, render) => {
    const verdict = this.#entries.judge(entry, render.reader);
    const mayBeEarly = entry.expires !== Number.POSITIVE_INFINITY && (verdict === 'valid' || verdict === 'pending');
    return mayBeEarly && render.early?.isDue(entry, renewsOf(render, this.bodies.current)) ? 'invalid' : verdict;
  };

  /** @param isInTransaction whether the running code is in a transaction */
  constructor(settings: Settings, keys: KeyMaker, entries: Entries, isInTransaction: () => boolean) {
    this.#settings = settings;
    this.#keys = keys;
    this.#entries = entries;
    this.#stored = new StoredKeys(keys, new Records());
    this.#makings = new FragmentMakings(settings, entries, (place) => this.#stored.known(place), isInTransaction);
    this.#maker = new FragmentMaker(settings, entries, this.bodies, this.#makings);
  }

  /** How many fragments are being made and waited for. */
  get making(): FragmentMakings['counts'] {
    return this.#makings.counts;
  }

  /** Records lookups of the body being rendered, if its reads are recorded. */
  get reading(): Reading | undefined {
    return this.bodies.current?.reading;
  }

  run(render: Render, call: FragmentCall): string {
    const isPlain = render.watch === undefined && render.inspection === undefined;
    return isPlain ? this.#show(render, call) : this.#inspected(render, call);
  }

  #inspected(render: Render, call: FragmentCall): string {
    const run = () => this.#watched(render, call);
    return render.inspection === undefined ? run() : render.inspection.use(run);
  }

  #watched(render: Render, call: FragmentCall): string {
    const { watch } = render;
    if (watch === undefined) return this.#show(render, call);
    return watch.run({
      place: call.place,
      show: () => this.#show(render, call),
      body: () => this.#maker.verified(render, call),
      find: (chosen) => this.#findChosen(render, call, chosen),
    });
  }

  #show(render: Render, call: FragmentCall): string {
    if (!render.enabled) return this.#maker.uncached(render, call, 'disabled');
    if (call.skip !== undefined) return this.#maker.uncached(render, call, call.skip);
    if (isOver(call.operands, this.#settings.now)) return this.#maker.uncached(render, call, 'expired');
    const started = render.isTimed ? performance.now() : undefined;
    const key = this.#keys.make(render, call.place, call.operands);
    if (key === undefined) return this.#maker.uncached(render, call, 'no models');
    const use = { render, call, key, scope: call.scope(key.objects), started };
    const html = this.#findInMemory(use) ?? (render.handed.size > 0 ? this.#findHanded(use) : undefined);
    if (html !== undefined) return html;
    render.pass.hasMissed = true;
    return this.#findGuessed(use) ?? this.#findStored(use);
  }

  /** The tag `depends`: adds these models to the dependencies of the body being rendered. */
  depend(render: Render, models: readonly Identity[]): void {
    if (this.bodies.current !== undefined) this.#maker.addModels(render, this.bodies.current, models);
  }

  /**
   * Whether the html of a pass that ended with open questions can be delivered as it is. It can if the pass only
   * assumed that entries of the memory tier are valid, and their tokens, now known, prove it.
   */
  isBorneOut({ pass, reader }: Render): boolean {
    if (pass.hasGap || pass.pending.size > 0) return false;
    return pass.assumed.every((entry) => this.#entries.judge(entry, reader) === 'valid');
  }

  /**
   * Returns the html of an entry in this process that is valid, or whose tokens are not known yet; undefined when there
   * is none.
   */
  #findInMemory(use: Use): string | undefined {
    const { render, key } = use;
    const kept = render.kept.size > 0 ? render.kept.get(key.memoryKey) : undefined;
    for (const own of kept ?? NONE) {
      const verdict = this.#judge(use, own.entry, this.#asMade);
      if (verdict === 'not here') return render.leaveOut();
      if (verdict === 'pending') render.pass.assumed.push(own.entry);
      if (verdict !== 'invalid') return this.#again(use, own);
    }
    for (const entry of this.#entries.inMemory(key.memoryKey)) {
      const verdict = this.#judge(use, entry);
      if (verdict === 'not here') return render.leaveOut();
      if (verdict === 'pending') render.pass.assumed.push(entry);
      if (verdict === 'outage') return this.#serveInOutage(use, entry);
      if (verdict !== 'invalid') return this.#serve(use, entry, 'hit');
    }
    return undefined;
  }

  /**
   * Looks in the store under the keys that the page used last time. If an entry there is valid, its key is right too,
   * because the entry depends on all tokens that are in the key. Skipped with a `key` option: that function may use
   * more than the key's parts, so it must be called each time.
   */
  #findGuessed(use: Use): string | undefined {
    if (this.#settings.key !== undefined) return undefined;
    for (const stored of use.render.reader.guesses(use.key.memoryKey)) {
      const found = this.#findFar(use, stored);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Looks in the store under the fragment's present key, and renders the body if there is no valid entry. */
  #findStored(use: Use): string {
    const { render, call, key, scope } = use;
    // Without a store the key is not needed. Still make it if there is a `key` option, so that an error of that
    // function shows.
    const isStored = !render.reader.knowsAll || this.#settings.key !== undefined;
    if (!isStored) return this.#miss(use, undefined, NOT_STORED);
    const parts = this.#keys.parts(render, key);
    if (parts === 'pending') {
      // Ask for the tag's record, which other processes may have written, in the same round trip as the tokens.
      this.#stored.ask(render, call.place);
      return render.leaveOut();
    }
    if (parts === 'unknown token') return this.#maker.uncached(render, call, parts);
    const isNew = key.models.some((model) => render.reader.isFresh(ownName(model)));
    let found: StoredKey | undefined;
    if (!isNew && !render.reader.knowsAll) {
      const stored = this.#stored.find(render, call.place, parts, scope);
      if (stored === 'pending') return render.leaveOut();
      const far = stored && this.#findFar(use, stored);
      if (far !== undefined) return far;
      if (this.#stored.isOpen(render, call.place)) return render.leaveOut();
      found = stored;
    }
    return this.#miss(use, found, {
      keyOf: (reads) => this.#stored.made(render, call.place, parts, scope, reads),
      leaseOf: () => this.#stored.lease(render, call.place, parts, scope),
    });
  }

  /**
   * Renders the body. While another page renders it, shows what there is meanwhile, or waits for that page.
   *
   * @param stored key under which the store was asked for the fragment
   */
  #miss(use: Use, stored: StoredKey | undefined, keys: Pick<Missed, 'keyOf' | 'leaseOf'>): string {
    const { render } = use;
    const shown = this.#makings.isElsewhere(use) ? this.#findMeanwhile(use, stored) : undefined;
    if (shown !== undefined) return shown;
    const joined = this.#makings.join(use);
    if (joined === 'wait') return render.leaveOut();
    const html = joined === 'look' ? this.#findHanded(use) : undefined;
    if (html !== undefined) return html;
    const around = this.bodies.current;
    const { keyOf, leaseOf } = keys;
    return this.#maker.miss(use, {
      keyOf,
      leaseOf,
      missing: this.#settings.causes ? whyMissed(use, this.#candidates(use, stored), this.#settings.now()) : undefined,
      renews: render.early?.hasFound ? this.#endOfValid(use, this.#candidates(use, stored)) : 0,
      hasMeanwhile: () => this.#hasMeanwhile(use, stored, around),
    });
  }

  /** Whether there is an entry that may be shown while another page makes the fragment anew, as far as tokens are known. */
  #hasMeanwhile(use: Use, stored: StoredKey | undefined, around: Body | undefined): boolean {
    const judge = this.#asMeanwhile(use.render, around);
    return this.#candidates(use, stored).some((entry) => judge(entry, use.render) === 'valid');
  }

  /**
   * Returns the html of an entry that may be shown while another page makes the fragment anew: one that this page would have
   * made early, or one whose ttl is over, and its `stale=` is not.
   */
  #findMeanwhile(use: Use, stored: StoredKey | undefined): string | undefined {
    const { render } = use;
    const judge = this.#asMeanwhile(render, this.bodies.current);
    for (const entry of this.#candidates(use, stored)) {
      const verdict = this.#judge(use, entry, judge);
      if (verdict === 'pending' || verdict === 'not here') return render.leaveOut();
      const reason = entry.expires <= this.#settings.now() ? 'stale' : undefined;
      if (verdict === 'valid') return this.#serve(use, entry, 'hit', reason);
    }
    return undefined;
  }

  /**
   * Returns what judges entries that may be shown meanwhile. What is to be kept shows nothing stale, which would end it at once: its
   * maker waits for the younger one. The same goes for what ends no later than what is made early around it.
   *
   * @param around the body that the tag stands in
   */
  #asMeanwhile(render: Render, around: Body | undefined): Judge {
    const isKept = around !== undefined && around.uncached === undefined;
    const renews = renewsOf(render, around);
    return (entry, { reader }) => {
      const verdict = this.#entries.judge(entry, reader);
      if (verdict !== 'invalid') return entry.expires <= renews ? 'invalid' : verdict;
      return isKept ? 'invalid' : this.#entries.judgeStale(entry, reader);
    };
  }

  /** Returns when the last of some entries ends that are valid here, in milliseconds since 1970; 0 if none is. */
  #endOfValid(use: Use, entries: readonly Entry[]): number {
    const valid = entries.filter((entry) => this.#judge(use, entry, this.#asMade) === 'valid');
    return Math.max(0, ...valid.map(({ expires }) => expires));
  }

  /** Returns the entries among which {@link #findMeanwhile} looks. */
  #candidates({ render, key }: Use, stored: StoredKey | undefined): readonly Entry[] {
    const far = stored && render.reader.known(stored.key, stored.canonical);
    const here = this.#entries.inMemory(key.memoryKey);
    return far === undefined ? here : [...here, far];
  }

  /** Returns the html of an entry that another page has made while this one waited, if it is valid here. */
  #findHanded(use: Use): string | undefined {
    const { render, key } = use;
    for (const made of render.handed.get(key.memoryKey) ?? NONE) {
      const verdict = this.#judge(use, made.entry, this.#asMade);
      if (verdict === 'pending' || verdict === 'not here') return render.leaveOut();
      if (verdict !== 'valid') continue;
      // This process and the store get it from whoever made it, unless that page fails.
      if (render.found.get(key.memoryKey)?.includes(made) !== true) {
        addTo(render.found, key.memoryKey, made);
        this.#makings.coalesced();
      }
      return this.#serve(use, made.entry, 'hit');
    }
    return undefined;
  }

  /** Looks in the store under one key. If this render made the token of a model, no entry with it can exist. */
  #findFar(use: Use, stored: StoredKey): string | undefined {
    const { render, key } = use;
    const { found, reader } = render;
    if (key.models.some((model) => reader.isFresh(ownName(model)))) return undefined;
    const entry = reader.entry(stored.key, stored.canonical);
    if (entry === PENDING) return render.leaveOut();
    if (entry === undefined) return undefined;
    const verdict = this.#judge(use, entry);
    if (verdict === 'pending' || verdict === 'not here') return render.leaveOut();
    if (verdict !== 'valid') return undefined;
    addTo(found, key.memoryKey, { entry, stored });
    return this.#serve(use, entry, 'hit');
  }

  /**
   * Serves an entry that an earlier pass of this render made. For the page that is a miss the first time in each pass,
   * since the body was rendered for this page.
   */
  #again(use: Use, own: KeptEntry): string {
    const { pass } = use.render;
    const isRepeated = own.metBy === pass;
    own.metBy = pass;
    return this.#serve(use, own.entry, isRepeated ? 'hit' : 'miss');
  }

  /** Serves an entry of the memory tier by the tokens that were read last. Nothing around it may be stored. */
  #serveInOutage(use: Use, entry: Entry): string {
    use.render.hasOutageHit = true;
    this.bodies.current?.addOutageHit();
    return this.#serve(use, entry, 'hit', 'outage');
  }

  #serve(use: Use, entry: Entry, outcome: 'hit' | 'miss', reason?: 'outage' | 'stale'): string {
    const { render, call, key, started } = use;
    if (this.bodies.current !== undefined) {
      this.bodies.current.dependencies.addEntry(entry);
      // The entry may have been made with a later `until=`, up to which it could be served stale.
      this.bodies.current.dependencies.endAt(latest(call.operands.until));
      this.#maker.repeat(use, entry.reads);
    }
    if (outcome === 'hit' && reason === undefined) this.#hit(render, key, entry);
    const report = reportFragment(render, call, outcome, {
      reason,
      cost: entry.microseconds / 1_000,
      lookup: elapsed(started),
      reads: entry.reads,
    });
    render.inspection?.fragment(report, { entry, operands: call.operands, key, scope: use.scope });
    const html = entry.holes.length === 0 ? entry.html : this.#filled(use, entry);
    // Holes do not see what the body sets.
    if (entry.reads.variables !== '') call.set(entry.reads);
    return html;
  }

  #filled({ render, call }: Use, { html, holes }: Entry): string {
    const print = () => call.print(html, holes);
    return render.watch === undefined ? print() : render.watch.inHoles(print);
  }

  #hit({ watch }: Render, { memoryKey, place }: FragmentKey, entry: Entry): void {
    if (watch?.isShadow) return;
    this.#maker.changing.hit(memoryKey);
    watch?.hit(memoryKey, entry, place);
  }

  /**
   * Whether this use of the tag is the hit being verified, and its entry would still be served. Returns the entry's key
   * in the store if so, and `pending` while that is not known.
   */
  #findChosen(render: Render, call: FragmentCall, { memoryKey, entry }: Chosen): Found | 'pending' | 'other' {
    if (!render.enabled || call.skip !== undefined || isOver(call.operands, this.#settings.now)) return 'other';
    const key = this.#keys.make(render, call.place, call.operands);
    if (key?.memoryKey !== memoryKey) return 'other';
    const scope = call.scope(key.objects);
    const verdict = this.#judge({ render, call, key, scope, started: undefined }, entry);
    if (verdict === 'invalid' || verdict === 'outage') return 'other';
    const parts = render.reader.knowsAll ? undefined : this.#keys.parts(render, key);
    const stored = typeof parts === 'object' ? this.#stored.find(render, call.place, parts, scope) : undefined;
    if (verdict === 'valid' && parts !== 'pending' && stored !== 'pending') return { stored };
    render.leaveOut();
    return 'pending';
  }

  /**
   * Judges an entry by the values it read, its tokens and its templates. Returns `not here` while a value that it is
   * compared by is still being loaded.
   *
   * @param judge judges its tokens and its end
   */
  #judge({ render, call, scope }: Use, entry: Entry, judge: Judge = this.#asHit): Verdict | 'not here' {
    // The entry may have been made with a later `until=`.
    if (entry.expires > latest(call.operands.until)) return 'invalid';
    // Asking a store for the tokens of each variant would be dear. Without one, they tell sooner than the reads.
    const known = render.reader.knowsAll ? judge(entry, render) : undefined;
    if (known === 'invalid') return known;
    const compared = compare(entry.reads, scope);
    if (compared !== 'same') return compared === 'pending' ? 'not here' : 'invalid';
    const verdict = known ?? judge(entry, render);
    if (verdict === 'invalid') return verdict;
    if (entry.holes.length > 0) {
      const holes = call.find(entry.holes);
      if (holes !== 'found') return holes === 'pending' ? 'not here' : 'invalid';
    }
    return entry.templates.every((template) => call.templateDigest(template) === template.digest) ? verdict : 'invalid';
  }
}

/** Until when what is made early around was to live, in milliseconds since 1970. */
function renewsOf({ renews }: Render, around: Body | undefined): number {
  return Math.max(renews, around?.renews ?? 0);
}

const NONE: readonly never[] = [];
const NOT_STORED = { keyOf: undefined, leaseOf: undefined };
