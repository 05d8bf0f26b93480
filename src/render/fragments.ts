import { Dependencies } from '../fragment/dependencies.ts';
import { type Entry, MAX_DEPENDENCIES, type TemplateDependency } from '../fragment/entry.ts';
import type { Identity } from '../fragment/identity.ts';
import type { StoredKey } from '../fragment/key.ts';
import { dependencyNames, ownName } from '../fragment/names.ts';
import type { Settings } from '../options.ts';
import type { Entries, Verdict } from './entries.ts';
import { Frame } from './frame.ts';
import { PENDING, UNKNOWN } from './knowledge.ts';
import { newEntry } from './new-entry.ts';
import { type FragmentKey, type KeyMaker, milliseconds, type Operands, type Place } from './operands.ts';
import type { KeptEntry, Render } from './render.ts';
import type { UncachedReason } from './report.ts';

/** One use of a fragment tag, as the page's template makes it. */
export interface FragmentCall {
  readonly place: Place;
  readonly operands: Operands;
  /** Why it must not be cached at all, as far as the tag can tell. */
  readonly skip: UncachedReason | undefined;
  /** Renders the body: its html, or what must be waited for before it can be rendered. */
  body(): string | Promise<unknown>;
  /** Whether the body may print html that was captured from a fragment finished earlier on this page. */
  mayPrintEarlier(): boolean;
  /** Whether the body calls code of templates that nobody can tell. */
  usesForeignCode(): boolean;
  /** The digest now of a template chosen at run time; undefined when it has to be loaded first. */
  templateDigest(dependency: TemplateDependency): string | undefined;
}

/** The tag's part of a render: look up, or render the body and keep it. */
export class Fragments {
  readonly #settings: Settings;
  readonly #keys: KeyMaker;
  readonly #entries: Entries;
  /** The innermost body being rendered. Bodies are synchronous, so there is never more than one. */
  #frame: Frame | undefined;

  constructor(settings: Settings, keys: KeyMaker, entries: Entries) {
    this.#settings = settings;
    this.#keys = keys;
    this.#entries = entries;
  }

  get frame(): Frame | undefined {
    return this.#frame;
  }

  /** Runs something inside another body than the one being rendered, or inside none. */
  inside<T>(frame: Frame | undefined, run: () => T): T {
    const outer = this.#frame;
    this.#frame = frame;
    try {
      return run();
    } finally {
      this.#frame = outer;
    }
  }

  run(render: Render, call: FragmentCall): string {
    if (!render.enabled) return this.#uncached(render, call, 'disabled');
    if (call.skip !== undefined) return this.#uncached(render, call, call.skip);
    const started = render.isTimed ? performance.now() : undefined;
    const key = this.#keys.make(render, call.place, call.operands);
    if (key === undefined) return this.#uncached(render, call, 'no models');
    const near = this.#findNear(render, call, key, started);
    if (near !== undefined) return near;
    render.pass.hasMissed = true;
    const guessed = this.#findGuessed(render, call, key, started);
    if (guessed !== undefined) return guessed;
    // Without a store its key is of no use, but a key function that fails shall be heard of.
    const isStored = !render.knowledge.knowsAll || this.#settings.key !== undefined;
    const stored = isStored ? this.#keys.stored(render, key) : undefined;
    if (stored === 'pending') return leaveOut(render);
    if (stored === 'unknown token') return this.#uncached(render, call, stored);
    const far = stored && this.#findFar(render, call, key, stored, started);
    return far ?? this.#miss(render, call, key, stored, elapsed(started));
  }

  /** `depends`: the body being rendered is made from these as well. */
  depend(render: Render, models: readonly Identity[]): void {
    if (this.#frame !== undefined) this.#addModels(render, this.#frame, models);
  }

  /**
   * Whether a pass that ended before everything was known is the page all the same: all it had to assume was that entries
   * of the memory tier are valid, and now that their tokens are known they are.
   */
  isBorneOut({ pass, knowledge }: Render): boolean {
    if (pass.hasGap || pass.pending.size > 0) return false;
    return pass.assumed.every((entry) => this.#entries.judge(entry, knowledge) === 'valid');
  }

  /** The html of an entry of this process that may be served, or may turn out to be one; undefined for none. */
  #findNear(
    render: Render,
    call: FragmentCall,
    { near }: FragmentKey,
    started: number | undefined,
  ): string | undefined {
    const own = render.kept.get(near);
    if (own !== undefined) {
      const verdict = this.#judge(render, call, own.entry);
      if (verdict === 'pending') render.pass.assumed.push(own.entry);
      if (verdict !== 'invalid') return this.#again(render, call, own, started);
    }
    const entry = this.#entries.inMemory(near);
    if (entry === undefined) return undefined;
    const verdict = this.#judge(render, call, entry);
    if (verdict === 'pending') render.pass.assumed.push(entry);
    return verdict === 'invalid' ? undefined : this.#serve(render, call, entry, 'hit', started);
  }

  /**
   * The same under the key of last time: if the entry there is valid, that is the key, because the tokens in the key are
   * among the entry's. A key function may look at more than its parts, and is always asked.
   */
  #findGuessed(render: Render, call: FragmentCall, key: FragmentKey, started: number | undefined): string | undefined {
    const guess = this.#settings.key === undefined ? render.knowledge.guess(key.near) : undefined;
    return guess && this.#findFar(render, call, key, guess, started);
  }

  /** The same for the store. */
  #findFar(
    render: Render,
    call: FragmentCall,
    { near, models }: FragmentKey,
    stored: StoredKey,
    started: number | undefined,
  ): string | undefined {
    const { found, knowledge } = render;
    if (models.some((model) => knowledge.isFresh(ownName(model)))) return undefined;
    const entry = knowledge.entry(stored.key, stored.canonical);
    if (entry === PENDING) return leaveOut(render);
    if (entry === undefined) return undefined;
    const verdict = this.#judge(render, call, entry);
    if (verdict === 'pending') return leaveOut(render);
    if (verdict === 'invalid') return undefined;
    found.set(near, { entry, stored });
    return this.#serve(render, call, entry, 'hit', started);
  }

  /** What an earlier pass of this render made is found by a later one: for the page it is a miss all the same. */
  #again(render: Render, call: FragmentCall, own: KeptEntry, started: number | undefined): string {
    const isRepeated = own.metBy === render.pass;
    own.metBy = render.pass;
    return this.#serve(render, call, own.entry, isRepeated ? 'hit' : 'miss', started);
  }

  #serve(
    render: Render,
    call: FragmentCall,
    entry: Entry,
    outcome: 'hit' | 'miss',
    started: number | undefined,
  ): string {
    this.#frame?.dependencies.addEntry(entry);
    render.pass.finished.push(entry);
    this.#report(render, call, outcome, undefined, entry.microseconds / 1_000, elapsed(started));
    return entry.html;
  }

  #uncached(render: Render, call: FragmentCall, reason: UncachedReason): string {
    const frame = new Frame(this.#frame, reason);
    const rendered = this.#renderBody(render, call, frame);
    if (rendered === undefined) return '';
    frame.close();
    render.pass.hasUncached = true;
    this.#report(render, call, 'uncached', reason, rendered.cost, 0);
    return rendered.html;
  }

  #miss(
    render: Render,
    call: FragmentCall,
    { near, models }: FragmentKey,
    stored: StoredKey | undefined,
    lookup: number | undefined,
  ): string {
    const { pass, kept } = render;
    const started = this.#settings.now();
    const lifetime = milliseconds(call.operands.ttl);
    const frame = new Frame(this.#frame, call.usesForeignCode() ? 'foreign macro' : undefined);
    this.#addModels(render, frame, models);
    const rendered = this.#renderBody(render, call, frame);
    if (rendered === undefined) return '';
    const { dependencies } = frame;
    if (pass.finished.length > 0 || pass.hasUncached) this.#addEarlier(render, call, frame);
    if (lifetime > 0) dependencies.expires = Math.min(dependencies.expires, started + lifetime);
    frame.close();
    pass.finished.push(dependencies);

    // An answer that has come in the meantime fills no gap: what was captured before it may be in this body.
    let reason = frame.uncached ?? (render.isOpen ? 'pending' : undefined);
    if (reason === undefined && dependencies.tokens.size > MAX_DEPENDENCIES) reason = 'too many dependencies';
    if (reason === undefined) {
      const entry = newEntry(this.#settings, { ...rendered, since: render.since }, dependencies);
      if (entry.expires <= this.#settings.now()) reason = 'expired';
      else if (!this.#entries.fits(near, entry)) reason = 'too large';
      else kept.set(near, { entry, stored, metBy: pass });
    }
    if (frame.uncached !== undefined) pass.hasUncached = true;
    if (reason === 'pending') pass.hasGap = true;
    this.#report(render, call, reason === undefined ? 'miss' : 'uncached', reason, rendered.cost, lookup);
    return rendered.html;
  }

  /** The body's html and what it took in milliseconds; undefined when the pass has to be repeated for it. */
  #renderBody(render: Render, call: FragmentCall, frame: Frame): { html: string; cost: number } | undefined {
    const { pass } = render;
    const started = performance.now();
    this.#frame = frame;
    let html: string | Promise<unknown>;
    try {
      html = call.body();
    } catch (error) {
      // The page will be run again: what is missing may be the cause, and what follows must still be found.
      if (render.isOpen) {
        leaveOut(render);
        return undefined;
      }
      // Whoever catches it may show something in its place, which no bump would sweep.
      if (frame.parent !== undefined) frame.parent.uncached ??= 'contains uncached';
      else pass.suspectHtml();
      throw error;
    } finally {
      this.#frame = frame.parent;
    }
    // As precise as the entry will be, so that a hit tells the same.
    if (typeof html === 'string') return { html, cost: Math.round((performance.now() - started) * 1_000) / 1_000 };
    pass.pending.add(html);
    return undefined;
  }

  /** Html captured earlier on the page may be in this body: then it was made from the same things. */
  #addEarlier(render: Render, call: FragmentCall, frame: Frame): void {
    if (!call.mayPrintEarlier()) return;
    for (const earlier of render.pass.finished) {
      if (earlier instanceof Dependencies) frame.dependencies.addAll(earlier);
      else frame.dependencies.addEntry(earlier);
    }
    if (render.pass.hasUncached) frame.uncached ??= 'contains uncached';
  }

  #addModels(render: Render, frame: Frame, models: readonly Identity[]): void {
    for (const model of models) {
      for (const name of dependencyNames(model)) {
        const token = render.knowledge.token(name);
        if (token === UNKNOWN) frame.uncached ??= 'unknown token';
        else if (token === PENDING) leaveOut(render);
        else frame.dependencies.add(name, token);
      }
    }
  }

  #judge(render: Render, call: FragmentCall, entry: Entry): Verdict {
    const verdict = this.#entries.judge(entry, render.knowledge);
    if (verdict === 'invalid' || entry.templates.length === 0) return verdict;
    return entry.templates.every((template) => call.templateDigest(template) === template.digest) ? verdict : 'invalid';
  }

  #report(
    { pass }: Render,
    { place: { template, line } }: FragmentCall,
    outcome: 'hit' | 'miss' | 'uncached',
    reason: UncachedReason | undefined,
    cost: number,
    lookup: number | undefined,
  ): void {
    pass.reports.push({ template, line, outcome, reason, cost, lookup: lookup ?? Number.NaN, netBenefit: 0 });
  }
}

/** What stands where something is not known yet: the page will be run again. */
function leaveOut({ pass }: Render): '' {
  pass.hasGap = true;
  return '';
}

/** Milliseconds since then, where that is timed. */
function elapsed(started: number | undefined): number | undefined {
  return started === undefined ? undefined : performance.now() - started;
}
