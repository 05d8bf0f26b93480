import { Dependencies, MAX_DEPENDENCIES } from '../fragment/dependencies.ts';
import type { Entry, TemplateDependency } from '../fragment/entry.ts';
import type { Identity } from '../fragment/identity.ts';
import { dependencyNames } from '../fragment/names.ts';
import { tokenTime } from '../fragment/token.ts';
import type { Settings } from '../options.ts';
import type { LocalTokens } from '../stores/local-tokens.ts';
import type { MemoryTier } from '../stores/memory-tier.ts';
import { type KeyMaker, type MadeKey, milliseconds, type Operands } from './operands.ts';
import type { Render } from './render.ts';
import type { UncachedReason } from './report.ts';

/** Where a tag stands. */
export interface Place {
  readonly template: string;
  readonly digest: string;
  readonly ordinal: number;
  readonly line: number;
}

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
  /** The digest now of a template chosen at run time; undefined when it has to be loaded first. */
  templateDigest(dependency: TemplateDependency): string | undefined;
}

/** A body that is being rendered: what it was made from is collected here. */
export class Frame {
  readonly parent: Frame | undefined;
  readonly dependencies = new Dependencies();
  /** Why it must not be stored. */
  uncached: UncachedReason | undefined;

  constructor(parent: Frame | undefined, uncached?: UncachedReason) {
    this.parent = parent;
    this.uncached = uncached;
  }

  /** What a fragment was made from, the one around it was made from as well. */
  close(): void {
    if (this.parent === undefined) return;
    this.parent.dependencies.addAll(this.dependencies);
    if (this.uncached !== undefined) this.parent.uncached ??= 'contains uncached';
  }
}

/** The tag's part of a render: look up, or render the body and keep it. */
export class Fragments {
  readonly #settings: Settings;
  readonly #keys: KeyMaker;
  readonly #tokens: LocalTokens;
  readonly #memory: MemoryTier | undefined;
  /** The innermost body being rendered. Bodies are synchronous, so there is never more than one. */
  #frame: Frame | undefined;

  constructor(settings: Settings, keys: KeyMaker, tokens: LocalTokens, memory: MemoryTier | undefined) {
    this.#settings = settings;
    this.#keys = keys;
    this.#tokens = tokens;
    this.#memory = memory;
  }

  get frame(): Frame | undefined {
    return this.#frame;
  }

  /** Runs something that is not part of the body being rendered, if one is. */
  outside<T>(run: () => T): T {
    const frame = this.#frame;
    this.#frame = undefined;
    try {
      return run();
    } finally {
      this.#frame = frame;
    }
  }

  run(render: Render, call: FragmentCall): string {
    if (!render.enabled) return this.#uncached(render, call, 'disabled');
    if (call.skip !== undefined) return this.#uncached(render, call, call.skip);
    const made = this.#keys.make(render, call.place, call.operands);
    if (made === undefined) return this.#uncached(render, call, 'no models');
    const entry = render.pass.kept.get(made.key) ?? this.#memory?.get(made.key);
    if (entry !== undefined && entry.canonical === made.canonical && this.#isValid(entry, call)) {
      return this.#hit(render, call, entry);
    }
    return this.#miss(render, call, made);
  }

  /** `depends`: the body being rendered is made from these as well. */
  depend(models: readonly Identity[]): void {
    if (this.#frame !== undefined) this.#addModels(this.#frame, models);
  }

  /** Stores what a successful pass kept. */
  store(render: Render): void {
    if (this.#memory === undefined) return;
    for (const [key, entry] of render.pass.kept) {
      if (!this.#isFresh(entry)) continue;
      const there = entry.provisional ? this.#memory.get(key) : undefined;
      if (there !== undefined && there.canonical === entry.canonical && this.#isFresh(there)) continue;
      this.#memory.set(key, entry);
    }
  }

  #hit(render: Render, call: FragmentCall, entry: Entry): string {
    this.#frame?.dependencies.addEntry(entry);
    render.pass.finished.push(entry);
    this.#report(render, call, 'hit', undefined, entry.cost);
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
    const { pass } = render;
    const started = this.#settings.now();
    const lifetime = milliseconds(call.operands.ttl);
    const mustWait = pass.pending.size > 0;
    const frame = new Frame(this.#frame);
    this.#addModels(frame, models);
    const rendered = this.#renderBody(render, call, frame);
    if (rendered === undefined) return '';
    const { dependencies } = frame;
    if (pass.finished.length > 0 || pass.hasUncached) this.#addEarlier(render, call, frame);
    if (lifetime > 0) dependencies.expires = Math.min(dependencies.expires, started + lifetime);
    frame.close();
    pass.finished.push(dependencies);

    let reason = frame.uncached ?? (mustWait || pass.pending.size > 0 ? 'pending' : undefined);
    if (reason === undefined && dependencies.tokens.size > MAX_DEPENDENCIES) reason = 'too many dependencies';
    if (reason === undefined) {
      const entry = this.#entry(render, canonical, rendered, dependencies);
      if (entry.expires <= this.#settings.now()) reason = 'expired';
      else if (this.#memory !== undefined && !this.#memory.fits(key, entry)) reason = 'too large';
      else pass.kept.set(key, entry);
    }
    if (frame.uncached !== undefined) pass.hasUncached = true;
    this.#report(render, call, reason === undefined ? 'miss' : 'uncached', reason, rendered.cost);
    return rendered.html;
  }

  #entry(
    render: Render,
    canonical: string,
    { html, cost }: { html: string; cost: number },
    dependencies: Dependencies,
  ): Entry {
    const youngest = tokenTime(dependencies.youngest());
    // Promise 2: something was bumped so late that the page's data may have been read before.
    const provisional = youngest >= render.since;
    const expires = provisional
      ? Math.min(dependencies.expires, youngest + this.#settings.maxDataAge)
      : dependencies.expires;
    return {
      html,
      canonical,
      names: [...dependencies.tokens.keys()],
      tokens: [...dependencies.tokens.values()],
      templates: [...dependencies.templates.values()],
      expires,
      provisional,
      cost,
    };
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
      if (pass.pending.size > 0) return undefined;
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

  #addModels(frame: Frame, models: readonly Identity[]): void {
    for (const model of models) {
      for (const name of dependencyNames(model)) frame.dependencies.add(name, this.#tokens.get(name));
    }
  }

  #isValid(entry: Entry, call: FragmentCall): boolean {
    return (
      this.#isFresh(entry) && entry.templates.every((template) => call.templateDigest(template) === template.digest)
    );
  }

  #isFresh({ names, tokens, expires }: Entry): boolean {
    if (expires !== Number.POSITIVE_INFINITY && expires <= this.#settings.now()) return false;
    for (let i = 0; i < names.length; i++) {
      if (this.#tokens.get(names[i] as string) !== tokens[i]) return false;
    }
    return true;
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
