import type { Entries } from '../cache/entries.ts';
import { type Entry, MAX_DEPENDENCIES } from '../cache/entry.ts';
import type { StoredKey } from '../cache/key.ts';
import { MAX_VARIANTS } from '../cache/memory-tier.ts';
import { newEntry } from '../cache/new-entry.ts';
import { PENDING, UNKNOWN } from '../cache/token-reader.ts';
import type { Identity } from '../model/identity.ts';
import { dependencyNames } from '../model/names.ts';
import type { Settings } from '../options.ts';
import { NOTHING_READ, type Reads } from '../reads/reads.ts';
import type { Scope } from '../reads/world.ts';
import type { UncachedReason } from '../reporting/report.ts';
import { addTo } from '../util/lists.ts';
import type { Bodies, Body } from './body.ts';
import { Changing, type Made, type PathValues } from './changing.ts';
import type { FragmentBody, FragmentCall, Missed, RenderedBody, Use } from './fragment-call.ts';
import { elapsed, reportFragment } from './fragment-report.ts';
import type { ServedFrom } from './inspect.ts';
import { endOf } from './lifetime.ts';
import type { FragmentMakings } from './making/fragment-makings.ts';
import type { Render } from './render.ts';
import type { RenderedToVerify } from './verify/watch.ts';

/** Renders the bodies of fragments, and makes entries of what they give. */
export class FragmentMaker {
  /** Finds out which fragments are another at each use. */
  readonly changing: Changing;
  /** Tags whose bodies have lost a hole. They do so until their template is edited. */
  readonly #lost = new WeakSet<object>();
  readonly #settings: Settings;
  readonly #entries: Entries;
  readonly #bodies: Bodies;

  readonly #makings: FragmentMakings;

  constructor(settings: Settings, entries: Entries, bodies: Bodies, makings: FragmentMakings) {
    this.#makings = makings;
    this.changing = new Changing(settings.now);
    this.#settings = settings;
    this.#entries = entries;
    this.#bodies = bodies;
  }

  /** Renders the body for this page only. */
  uncached(render: Render, call: FragmentCall, reason: UncachedReason, why?: string): string {
    const body = call.newBody(this.#bodies.current, reason);
    const rendered = this.#renderBody(render, body, undefined, ignored, false);
    if (rendered === undefined) return '';
    body.close();
    const report = reportFragment(render, call, 'uncached', { reason, why, cost: rendered.cost, lookup: 0 });
    render.inspection?.fragment(report, undefined);
    return rendered.html;
  }

  /** Renders the body to compare it with an entry, whose html has no holes in it. */
  verified(render: Render, call: FragmentCall): RenderedToVerify {
    const body = call.newBody(this.#bodies.current, 'disabled');
    const rendered = this.#renderBody(render, body, undefined, ignored, true);
    if (rendered?.holes === undefined) return NOTHING_RENDERED;
    body.close();
    return { html: rendered.html, shown: call.print(rendered.html, rendered.holes, rendered.texts) };
  }

  /**
   * Renders the body and keeps the result.
   *
   * @param missed what is known of it
   */
  miss(use: Use, missed: Missed): string {
    const { render, call, key, scope } = use;
    const { pass, kept } = render;
    if (render.watch?.isShadow) return this.verified(render, call).shown;
    if (this.#lost.has(call.place)) return this.uncached(render, call, 'hole lost');
    const changes = this.changing.why(key.memoryKey);
    if (changes !== undefined) return this.uncached(render, call, 'changes always', changes);
    const lookup = elapsed(use.started);
    const started = this.#settings.now();
    const begun = render.begun.get(key.memoryKey) ?? started;
    // The body will be rendered again.
    const goOnLater = () => void render.begun.set(key.memoryKey, begun);
    const body = call.newBody(this.#bodies.current);
    body.renews = Math.max(missed.renews, this.#bodies.current?.renews ?? 0);
    if (missed.renews > render.maker.renews) render.maker.renews = missed.renews;
    this.#makings.watch(use, body, missed);
    this.addModels(render, body, key.models);
    render.loaded?.addTo(body);
    const isValid = (made: Made) => this.#entries.judge(made, render.reader) === 'valid';
    const { length: reported } = pass.reports;
    let stored: StoredKey | undefined;
    let values: PathValues | undefined;
    const read = (reads: Reads): void => {
      stored = missed.keyOf?.(reads);
      values = this.changing.values(key.memoryKey, render.token, reads.shape, scope, isValid);
      // The body around reads these paths here, before this body's variables are set.
      this.#bodies.inside(body.parent, () => this.repeat(use, reads));
    };
    const rendered = this.#renderBody(render, body, scope, read, true);
    // Html with marks is another in each pass. What it was captured for would never be found.
    if (body.hasLostHoles) this.#lost.add(call.place);
    if (rendered === undefined) {
      goOnLater();
      return '';
    }
    const { holes, texts } = rendered;
    if (holes === undefined) {
      if (render.isOpen) {
        goOnLater();
        return render.leaveOut();
      }
      // What the body has reported is reported again.
      pass.reports.length = reported;
      this.#lost.add(call.place);
      this.#makings.refused(use);
      return this.uncached(render, call, 'hole lost');
    }
    const { dependencies } = body;
    const { expires, staleUntil } = endOf(call.operands, started);
    dependencies.endAt(expires, staleUntil);
    const found = rendered.reads ?? { reads: NOTHING_READ };
    if (!('reads' in found)) body.refuse(found.uncached);
    body.close();

    // A gap stays a gap even if the answer has come in the meantime: text captured before the answer may be in this
    // body.
    let reason = body.uncached ?? (render.isOpen ? 'pending' : undefined);
    let why: string | undefined;
    let from: ServedFrom | undefined;
    if (reason === undefined && dependencies.tokens.size > MAX_DEPENDENCIES) reason = 'too many dependencies';
    if (reason === undefined && 'reads' in found) {
      const duration = this.#settings.now() - begun;
      const entry = newEntry(
        this.#settings,
        { html: rendered.html, holes, cost: rendered.cost, duration, since: render.since },
        dependencies,
        found.reads,
      );
      if (entry.expires <= this.#settings.now()) reason = 'expired';
      else if (!this.#entries.fits(key.memoryKey, entry)) reason = 'too large';
      else {
        const made = { entry, stored, metBy: pass };
        from = render.inspection && { entry, operands: call.operands, key, scope };
        addTo(kept, key.memoryKey, made);
        render.begun.delete(key.memoryKey);
        this.#makings.kept(use, made);
        why = this.#whyPushedOut(use, entry);
      }
      // A body without paths reads only models, and their identity is in the key, so no value of it can vary.
      if (entry.reads.shape.paths.length > 0) this.changing.missed(key.memoryKey, render.token, entry, values);
    }
    if (reason === 'pending') {
      pass.hasGap = true;
      goOnLater();
    } else if (reason !== undefined) this.#makings.refused(use);
    if ('why' in found && reason === found.uncached) why = found.why;
    const reads = 'reads' in found ? found.reads : undefined;
    const report = reportFragment(render, call, reason === undefined ? 'miss' : 'uncached', {
      reason,
      why,
      cost: rendered.cost,
      lookup,
      reads,
      missing: missed.missing,
    });
    render.inspection?.fragment(report, from);
    return holes.length === 0 ? rendered.html : call.print(rendered.html, holes, texts);
  }

  /**
   * Returns why another entry has to go for a new one although it is valid: without a store, a fragment that is shown in
   * more variants in turn would miss each time.
   */
  #whyPushedOut({ render, key }: Use, { reads }: Entry): string | undefined {
    if (!render.reader.knowsAll) return undefined;
    const others = this.#entries.inMemory(key.memoryKey);
    if (others.length < MAX_VARIANTS || !others.every((other) => this.#entries.judge(other, render.reader) === 'valid'))
      return undefined;
    const paths = reads.shape.paths.map((path) => `\`${path}\``).join(', ');
    return `memory keeps ${MAX_VARIANTS} variants of it, and one of them goes for this one; name what varies among ${paths} as a key of the tag`;
  }

  /** Renders the body and measures it, in milliseconds; undefined when the pass has to be repeated for it. */
  #renderBody(
    render: Render,
    body: FragmentBody,
    scope: Scope | undefined,
    read: (reads: Reads) => void,
    hasOpenHoles: boolean,
  ): (RenderedBody & { readonly cost: number }) | undefined {
    const { pass } = render;
    const started = performance.now();
    this.#bodies.current = body;
    let rendered: RenderedBody | Promise<unknown>;
    try {
      rendered = body.render(
        scope,
        { met: (identity) => this.addModels(render, body, [identity]), read },
        hasOpenHoles,
      );
    } catch (error) {
      // The page will run again. Missing data may have caused this error, and the rest of the pass must still ask for
      // its data.
      if (render.isOpen || render.giveUpEarly()) {
        render.leaveOut();
        return undefined;
      }
      // Code that catches the error may show something in its place. No bump would invalidate that, so the body around
      // is not stored.
      if (body.parent !== undefined) body.parent.uncached ??= 'contains uncached';
      throw error;
    } finally {
      this.#bodies.current = body.parent;
    }
    if (rendered instanceof Promise) {
      pass.pending.add(rendered);
      return undefined;
    }
    // Round like the entry's microseconds, so that a hit reports the same cost.
    // Name each property: V8 keeps an object that was spread, and the whole page with it, alive for longer.
    const { html, reads, holes, texts, spentOnHoles } = rendered;
    const cost = Math.round((performance.now() - started - spentOnHoles) * 1_000) / 1_000;
    return { html, reads, holes, texts, spentOnHoles, cost };
  }

  /** Adds models to what a body depends on. */
  addModels(render: Render, body: Body, models: readonly Identity[]): void {
    for (const model of models) {
      for (const name of dependencyNames(model)) {
        const token = render.bodyToken(name);
        if (token === UNKNOWN) body.uncached ??= 'unknown token';
        else if (token === PENDING) render.leaveOut();
        else body.dependencies.add(name, token);
      }
    }
  }

  /**
   * Records the fragment's reads for the body around it as well: that body contains the fragment's html, so it depends
   * on the same values.
   */
  repeat({ call, key }: Use, { shape }: Reads): void {
    const reading = this.#bodies.current?.reading;
    if (reading === undefined) return;
    const { type } = call.operands;
    if (typeof type === 'string') for (const object of key.objects) reading.typed(object, type);
    reading.repeat(shape, call);
  }
}

const ignored = (): void => {};
const NOTHING_RENDERED: RenderedToVerify = { html: '', shown: '' };
