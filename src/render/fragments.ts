import type { Entries, Verdict } from '../cache/entries.ts';
import { type Entry, MAX_DEPENDENCIES, type TemplateDependency } from '../cache/entry.ts';
import type { StoredKey } from '../cache/key.ts';
import { newEntry } from '../cache/new-entry.ts';
import { PENDING, UNKNOWN } from '../cache/token-reader.ts';
import type { Identity } from '../model/identity.ts';
import { dependencyNames, ownName } from '../model/names.ts';
import type { Settings } from '../options.ts';
import { compare, NOTHING_READ, type Reads } from '../reads/reads.ts';
import type { RootKind } from '../reads/shape.ts';
import type { Scope } from '../reads/world.ts';
import type { UncachedReason } from '../reporting/report.ts';
import type { Bodies, Body, Reading } from './body.ts';
import { Changing, type Made, type PathValues } from './changing.ts';
import type { FragmentKey, KeyMaker } from './fragment-key.ts';
import { expiryOf, isOver, latest } from './lifetime.ts';
import type { Operands, Place } from './place.ts';
import { Records } from './records.ts';
import type { KeptEntry, Render } from './render.ts';
import { StoredKeys } from './stored-keys.ts';
import type { Chosen, Found } from './verify/watch.ts';

/** The values that a rendered body read and set, or why they cannot be kept. */
export type BodyReads =
  | { readonly reads: Reads }
  | { readonly uncached: UncachedReason; readonly why?: string | undefined };

/** Called while a recorded body is rendered. */
export interface BodyEvents {
  met(identity: Identity): void;
  /**
   * The body has ended. The variables that it set are not visible outside yet, so each path still has the value that
   * the body read.
   */
  read(reads: Reads): void;
}

/** A body that was rendered. */
export interface RenderedBody {
  readonly html: string;
  /** Undefined when reads were not recorded. */
  readonly reads: BodyReads | undefined;
}

/** The body of one use of a fragment tag. */
export interface FragmentBody extends Body {
  /**
   * Renders the body. Returns a promise when the page must wait for something, such as a template, before the body can
   * be rendered.
   *
   * @param scope values that its reads are recorded for; undefined to record nothing
   * @param events called with each model that the body meets, and with its reads when it has ended
   */
  render(scope: Scope | undefined, events: BodyEvents): RenderedBody | Promise<unknown>;
}

/** One use of a fragment tag, as the page's template makes it. */
export interface FragmentCall {
  readonly place: Place;
  readonly operands: Operands;
  /** Why the fragment must not be cached, as far as the tag can tell without the body. */
  readonly skip: UncachedReason | undefined;
  /** Returns the values visible where the tag stands. */
  scope(models: readonly object[]): Scope;
  /**
   * Returns the body, to be rendered once.
   *
   * @param around the body that the tag stands in
   * @param uncached why the html must not be stored
   */
  newBody(around: Body | undefined, uncached?: UncachedReason): FragmentBody;
  /** Sets the variables that the body of a served entry had set. */
  set(reads: Reads): void;
  /** Looks up a variable for the body around the tag, which records the read. */
  read(kind: RootKind, name: string): unknown;
  /** Returns the present digest of a template chosen at run time; undefined when it has to be loaded first. */
  templateDigest(dependency: TemplateDependency): string | undefined;
}

/** One use of a tag, with its key and scope. */
interface Use {
  readonly render: Render;
  readonly call: FragmentCall;
  readonly key: FragmentKey;
  readonly scope: Scope;
  readonly started: number | undefined;
}

/** Serves the fragment tag: looks for a valid entry, or renders the body and keeps it. */
export class Fragments implements Bodies {
  readonly #settings: Settings;
  readonly #keys: KeyMaker;
  readonly #entries: Entries;
  readonly #stored: StoredKeys;
  readonly #changing: Changing;
  #current: Body | undefined;

  constructor(settings: Settings, keys: KeyMaker, entries: Entries) {
    this.#settings = settings;
    this.#keys = keys;
    this.#entries = entries;
    this.#stored = new StoredKeys(keys, new Records());
    this.#changing = new Changing(settings.now);
  }

  get current(): Body | undefined {
    return this.#current;
  }

  /** Records lookups of the body being rendered, if its reads are recorded. */
  get reading(): Reading | undefined {
    return this.#current?.reading;
  }

  inside<T>(body: Body | undefined, run: () => T): T {
    const outer = this.#current;
    this.#current = body;
    try {
      return run();
    } finally {
      this.#current = outer;
    }
  }

  run(render: Render, call: FragmentCall): string {
    const { watch } = render;
    if (watch === undefined) return this.#show(render, call);
    return watch.run({
      place: call.place,
      show: () => this.#show(render, call),
      body: () => this.#uncached(render, call, 'disabled'),
      find: (chosen) => this.#findChosen(render, call, chosen),
    });
  }

  #show(render: Render, call: FragmentCall): string {
    if (!render.enabled) return this.#uncached(render, call, 'disabled');
    if (call.skip !== undefined) return this.#uncached(render, call, call.skip);
    if (isOver(call.operands, this.#settings.now)) return this.#uncached(render, call, 'expired');
    const started = render.isTimed ? performance.now() : undefined;
    const key = this.#keys.make(render, call.place, call.operands);
    if (key === undefined) return this.#uncached(render, call, 'no models');
    const use = { render, call, key, scope: call.scope(key.objects), started };
    const html = this.#findInMemory(use);
    if (html !== undefined) return html;
    render.pass.hasMissed = true;
    return this.#findGuessed(use) ?? this.#findStored(use);
  }

  /** The tag `depends`: adds these models to the dependencies of the body being rendered. */
  depend(render: Render, models: readonly Identity[]): void {
    if (this.#current !== undefined) this.#addModels(render, this.#current, models);
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
      const verdict = this.#judge(use, own.entry);
      if (verdict === 'not here') return leaveOut(render);
      if (verdict === 'pending') render.pass.assumed.push(own.entry);
      if (verdict !== 'invalid') return this.#again(use, own);
    }
    for (const entry of this.#entries.inMemory(key.memoryKey)) {
      const verdict = this.#judge(use, entry);
      if (verdict === 'not here') return leaveOut(render);
      if (verdict === 'pending') render.pass.assumed.push(entry);
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
    if (!isStored) return this.#miss(use, undefined);
    const parts = this.#keys.parts(render, key);
    if (parts === 'pending') {
      // Ask for the tag's record, which other processes may have written, in the same round trip as the tokens.
      this.#stored.ask(render, call.place);
      return leaveOut(render);
    }
    if (parts === 'unknown token') return this.#uncached(render, call, parts);
    const isNew = key.models.some((model) => render.reader.isFresh(ownName(model)));
    if (!isNew && !render.reader.knowsAll) {
      const stored = this.#stored.find(render, call.place, parts, scope);
      if (stored === 'pending') return leaveOut(render);
      const far = stored && this.#findFar(use, stored);
      if (far !== undefined) return far;
      if (this.#stored.isOpen(render, call.place)) return leaveOut(render);
    }
    return this.#miss(use, (reads) => this.#stored.made(render, call.place, parts, scope, reads));
  }

  /** Looks in the store under one key. If this render made the token of a model, no entry with it can exist. */
  #findFar(use: Use, stored: StoredKey): string | undefined {
    const { render, key } = use;
    const { found, reader } = render;
    if (key.models.some((model) => reader.isFresh(ownName(model)))) return undefined;
    const entry = reader.entry(stored.key, stored.canonical);
    if (entry === PENDING) return leaveOut(render);
    if (entry === undefined) return undefined;
    const verdict = this.#judge(use, entry);
    if (verdict === 'pending' || verdict === 'not here') return leaveOut(render);
    if (verdict === 'invalid') return undefined;
    add(found, key.memoryKey, { entry, stored });
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

  #serve(use: Use, entry: Entry, outcome: 'hit' | 'miss'): string {
    const { render, call, key, started } = use;
    if (this.#current !== undefined) {
      this.#current.dependencies.addEntry(entry);
      this.#repeat(use, entry.reads);
    }
    if (outcome === 'hit') this.#hit(render, key, entry);
    if (entry.reads.variables !== '') call.set(entry.reads);
    this.#report(render, call, outcome, {
      cost: entry.microseconds / 1_000,
      lookup: elapsed(started),
      reads: entry.reads,
    });
    return entry.html;
  }

  #hit({ watch }: Render, { memoryKey, place }: FragmentKey, entry: Entry): void {
    if (watch?.isShadow) return;
    this.#changing.hit(memoryKey);
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
    if (verdict === 'invalid') return 'other';
    const parts = render.reader.knowsAll ? undefined : this.#keys.parts(render, key);
    const stored = typeof parts === 'object' ? this.#stored.find(render, call.place, parts, scope) : undefined;
    if (verdict === 'valid' && parts !== 'pending' && stored !== 'pending') return { stored };
    leaveOut(render);
    return 'pending';
  }

  /**
   * Records the fragment's reads for the body around it as well: that body contains the fragment's html, so it depends
   * on the same values.
   */
  #repeat({ call, key }: Use, { shape }: Reads): void {
    const { reading } = this;
    if (reading === undefined) return;
    const { type } = call.operands;
    if (typeof type === 'string') for (const object of key.objects) reading.typed(object, type);
    reading.repeat(shape, call);
  }

  #uncached(render: Render, call: FragmentCall, reason: UncachedReason, why?: string): string {
    const body = call.newBody(this.#current, reason);
    const rendered = this.#renderBody(render, body, undefined, ignored);
    if (rendered === undefined) return '';
    body.close();
    this.#report(render, call, 'uncached', { reason, why, cost: rendered.cost, lookup: 0 });
    return rendered.html;
  }

  /**
   * Renders the body and keeps the result.
   *
   * @param keyOf returns the key in the store for the body's reads; undefined without a store
   */
  #miss(use: Use, keyOf: ((reads: Reads) => StoredKey | undefined) | undefined): string {
    const { render, call, key, scope } = use;
    const { pass, kept } = render;
    if (render.watch?.isShadow) return this.#uncached(render, call, 'disabled');
    const changes = this.#changing.why(key.memoryKey);
    if (changes !== undefined) return this.#uncached(render, call, 'changes always', changes);
    const lookup = elapsed(use.started);
    const started = this.#settings.now();
    const body = call.newBody(this.#current);
    this.#addModels(render, body, key.models);
    const isValid = (made: Made) => this.#entries.judge(made, render.reader) === 'valid';
    let stored: StoredKey | undefined;
    let values: PathValues | undefined;
    const rendered = this.#renderBody(render, body, scope, (reads) => {
      stored = keyOf?.(reads);
      values = this.#changing.values(key.memoryKey, render.token, reads.shape, scope, isValid);
      // The body around reads these paths here, before this body's variables are set.
      this.inside(body.parent, () => this.#repeat(use, reads));
    });
    if (rendered === undefined) return '';
    const { dependencies } = body;
    dependencies.expires = Math.min(dependencies.expires, expiryOf(call.operands, started));
    const found = rendered.reads ?? { reads: NOTHING_READ };
    if (!('reads' in found)) body.uncached ??= found.uncached;
    body.close();

    // A gap stays a gap even if the answer has come in the meantime: text captured before the answer may be in this
    // body.
    let reason = body.uncached ?? (render.isOpen ? 'pending' : undefined);
    if (reason === undefined && dependencies.tokens.size > MAX_DEPENDENCIES) reason = 'too many dependencies';
    if (reason === undefined && 'reads' in found) {
      const entry = newEntry(
        this.#settings,
        { html: rendered.html, cost: rendered.cost, since: render.since },
        dependencies,
        found.reads,
      );
      if (entry.expires <= this.#settings.now()) reason = 'expired';
      else if (!this.#entries.fits(key.memoryKey, entry)) reason = 'too large';
      else add(kept, key.memoryKey, { entry, stored, metBy: pass });
      // A body without paths reads only models, and their identity is in the key, so no value of it can vary.
      if (entry.reads.shape.paths.length > 0) this.#changing.missed(key.memoryKey, render.token, entry, values);
    }
    if (reason === 'pending') pass.hasGap = true;
    const why = 'why' in found && reason === found.uncached ? found.why : undefined;
    const reads = 'reads' in found ? found.reads : undefined;
    this.#report(render, call, reason === undefined ? 'miss' : 'uncached', {
      reason,
      why,
      cost: rendered.cost,
      lookup,
      reads,
    });
    return rendered.html;
  }

  /** Renders the body and measures it, in milliseconds; undefined when the pass has to be repeated for it. */
  #renderBody(
    render: Render,
    body: FragmentBody,
    scope: Scope | undefined,
    read: (reads: Reads) => void,
  ): (RenderedBody & { readonly cost: number }) | undefined {
    const { pass } = render;
    const started = performance.now();
    this.#current = body;
    let rendered: RenderedBody | Promise<unknown>;
    try {
      rendered = body.render(scope, { met: (identity) => this.#addModels(render, body, [identity]), read });
    } catch (error) {
      // The page will run again. Missing data may have caused this error, and the rest of the pass must still ask for
      // its data.
      if (render.isOpen) {
        leaveOut(render);
        return undefined;
      }
      // Code that catches the error may show something in its place. No bump would invalidate that, so the body around
      // is not stored.
      if (body.parent !== undefined) body.parent.uncached ??= 'contains uncached';
      throw error;
    } finally {
      this.#current = body.parent;
    }
    if (rendered instanceof Promise) {
      pass.pending.add(rendered);
      return undefined;
    }
    // Round like the entry's microseconds, so that a hit reports the same cost.
    // Name each property: V8 keeps an object that was spread, and the whole page with it, alive for longer.
    const { html, reads } = rendered;
    return { html, reads, cost: Math.round((performance.now() - started) * 1_000) / 1_000 };
  }

  #addModels(render: Render, body: Body, models: readonly Identity[]): void {
    for (const model of models) {
      for (const name of dependencyNames(model)) {
        const token = render.reader.token(name);
        if (token === UNKNOWN) body.uncached ??= 'unknown token';
        else if (token === PENDING) leaveOut(render);
        else body.dependencies.add(name, token);
      }
    }
  }

  /**
   * Judges an entry by the values it read, its tokens and its templates. Returns `not here` while a value that it is
   * compared by is still being loaded.
   */
  #judge({ render, call, scope }: Use, entry: Entry): Verdict | 'not here' {
    // The entry may have been made with a later `until=`.
    if (entry.expires > latest(call.operands.until)) return 'invalid';
    const compared = compare(entry.reads, scope);
    if (compared !== 'same') return compared === 'pending' ? 'not here' : 'invalid';
    const verdict = this.#entries.judge(entry, render.reader);
    if (verdict === 'invalid' || entry.templates.length === 0) return verdict;
    return entry.templates.every((template) => call.templateDigest(template) === template.digest) ? verdict : 'invalid';
  }

  #report(
    { pass, reader }: Render,
    { place: { template, line } }: FragmentCall,
    outcome: 'hit' | 'miss' | 'uncached',
    what: {
      readonly reason?: UncachedReason | undefined;
      readonly why?: string | undefined;
      readonly cost: number;
      readonly lookup: number | undefined;
      readonly reads?: Reads | undefined;
    },
  ): void {
    const { reason, why, cost, lookup = Number.NaN, reads } = what;
    const unseen = why === undefined ? undefined : `${template}:${line}: ${why}`;
    const paths = reads?.shape.paths ?? NONE;
    if (reads !== undefined && !reader.knowsAll) pass.shapes.add(reads.shape);
    pass.reports.push({ template, line, outcome, reason, reads: paths, unseen, cost, lookup, netBenefit: 0 });
  }
}

const NONE: readonly never[] = [];

const ignored = (): void => {};

function add<T>(map: Map<string, T[]>, memoryKey: string, value: T): void {
  const values = map.get(memoryKey);
  if (values === undefined) map.set(memoryKey, [value]);
  else values.push(value);
}

/** Shows nothing in place of a fragment that is not known yet. The gap makes the page run again. */
function leaveOut({ pass }: Render): '' {
  pass.hasGap = true;
  return '';
}

/** Milliseconds since a time; undefined when lookups are not timed. */
function elapsed(started: number | undefined): number | undefined {
  return started === undefined ? undefined : performance.now() - started;
}
