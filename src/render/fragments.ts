import { Dependencies } from '../fragment/dependencies.ts';
import { type Entry, MAX_DEPENDENCIES, type TemplateDependency } from '../fragment/entry.ts';
import type { Identity } from '../fragment/identity.ts';
import { dependencyNames } from '../fragment/names.ts';
import type { Settings } from '../options.ts';
import type { Entries, Verdict } from './entries.ts';
import { Frame } from './frame.ts';
import { PENDING, UNKNOWN } from './knowledge.ts';
import { newEntry } from './new-entry.ts';
import { type KeyMaker, type MadeKey, milliseconds, type Operands, type Place } from './operands.ts';
import type { Render } from './render.ts';
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
    const made = this.#keys.make(render, call.place, call.operands);
    if (made === 'pending') return '';
    if (typeof made === 'string') return this.#uncached(render, call, made);
    return this.#find(render, call, made) ?? this.#miss(render, call, made);
  }

  /** `depends`: the body being rendered is made from these as well. */
  depend(render: Render, models: readonly Identity[]): void {
    if (this.#frame !== undefined) this.#addModels(render, this.#frame, models);
  }

  /** The html of an entry that may be served, '' when that is not known yet, undefined when there is none. */
  #find(render: Render, call: FragmentCall, made: MadeKey): string | undefined {
    const { kept, found, knowledge } = render;
    const { key, canonical } = made;
    const here = [kept.get(key), this.#entries.inMemory(key)];
    for (const entry of here) {
      if (entry === undefined || entry.canonical !== canonical) continue;
      const verdict = this.#judge(render, call, entry);
      if (verdict === 'pending') return '';
      if (verdict === 'valid') return this.#hit(render, call, key, entry);
    }
    if (made.models.some(({ name }) => knowledge.isFresh(name))) return undefined;
    const entry = knowledge.entry(key, canonical);
    if (entry === PENDING) return '';
    const verdict = entry === undefined ? 'invalid' : this.#judge(render, call, entry);
    if (verdict === 'pending') return '';
    if (entry === undefined || verdict === 'invalid') return undefined;
    found.set(key, entry);
    return this.#hit(render, call, key, entry);
  }

  #hit(render: Render, call: FragmentCall, key: string, entry: Entry): string {
    this.#frame?.dependencies.addEntry(entry);
    render.pass.finished.push(entry);
    // What an earlier pass of this render made is found by a later one: for the page it is a miss all the same.
    const made = render.kept.get(key) === entry && !render.pass.seen.has(key);
    if (made) render.pass.seen.add(key);
    this.#report(render, call, made ? 'miss' : 'hit', undefined, entry.cost);
    return entry.html;
  }

  #uncached(render: Render, call: FragmentCall, reason: UncachedReason): string {
    const frame = new Frame(this.#frame, reason);
    const rendered = this.#renderBody(render, call, frame);
    if (rendered === undefined) return '';
    frame.close();
    render.pass.hasUncached = true;
    this.#report(render, call, 'uncached', reason, rendered.cost);
    return rendered.html;
  }

  #miss(render: Render, call: FragmentCall, { key, canonical, models }: MadeKey): string {
    const { pass, kept } = render;
    const started = this.#settings.now();
    const lifetime = milliseconds(call.operands.ttl);
    const mustWait = render.isPending;
    const frame = new Frame(this.#frame, call.usesForeignCode() ? 'foreign macro' : undefined);
    this.#addModels(render, frame, models);
    const rendered = this.#renderBody(render, call, frame);
    if (rendered === undefined) return '';
    const { dependencies } = frame;
    if (pass.finished.length > 0 || pass.hasUncached) this.#addEarlier(render, call, frame);
    if (lifetime > 0) dependencies.expires = Math.min(dependencies.expires, started + lifetime);
    frame.close();
    pass.finished.push(dependencies);

    let reason = frame.uncached ?? (mustWait || render.isPending ? 'pending' : undefined);
    if (reason === undefined && dependencies.tokens.size > MAX_DEPENDENCIES) reason = 'too many dependencies';
    if (reason === undefined) {
      const entry = newEntry(this.#settings, { ...rendered, canonical, since: render.since }, dependencies);
      if (entry.expires <= this.#settings.now()) reason = 'expired';
      else if (!this.#entries.fits(key, entry)) reason = 'too large';
      else {
        kept.set(key, entry);
        pass.seen.add(key);
      }
    }
    if (frame.uncached !== undefined) pass.hasUncached = true;
    this.#report(render, call, reason === undefined ? 'miss' : 'uncached', reason, rendered.cost);
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
      if (render.isPending) return undefined;
      // Whoever catches it may show something in its place, which no bump would sweep.
      if (frame.parent !== undefined) frame.parent.uncached ??= 'contains uncached';
      else pass.suspectHtml();
      throw error;
    } finally {
      this.#frame = frame.parent;
    }
    if (typeof html === 'string') return { html, cost: performance.now() - started };
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
        else if (token !== PENDING) frame.dependencies.add(name, token);
      }
    }
  }

  #judge(render: Render, call: FragmentCall, entry: Entry): Verdict {
    const verdict = this.#entries.judge(entry, render.knowledge);
    if (verdict === 'invalid') return verdict;
    return entry.templates.every((template) => call.templateDigest(template) === template.digest) ? verdict : 'invalid';
  }

  #report(
    { pass }: Render,
    { place: { template, line } }: FragmentCall,
    outcome: 'hit' | 'miss' | 'uncached',
    reason: UncachedReason | undefined,
    cost: number,
  ): void {
    pass.reports.push(
      reason === undefined ? { template, line, outcome, cost } : { template, line, outcome, reason, cost },
    );
  }
}
