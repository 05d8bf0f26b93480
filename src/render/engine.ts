import type { Entries } from '../cache/entries.ts';
import type { TemplateDependency } from '../cache/entry.ts';
import type { TokenReader } from '../cache/token-reader.ts';
import type { Tokens } from '../cache/tokens.ts';
import { type Uncommitted, UncommittedTokenReader } from '../cache/uncommitted.ts';
import type { Identifier } from '../model/identity.ts';
import type { PageContext, Settings } from '../options.ts';
import type { UnfinishedReport } from '../reporting/report.ts';
import type { Verified } from '../reporting/stats.ts';
import { currentPart, requestStarted } from './ambient.ts';
import { KeyMaker } from './fragment-key.ts';
import { Fragments } from './fragments.ts';
import { Functions } from './functions.ts';
import { isSettled } from './lazy.ts';
import type { Place } from './place.ts';
import { Predictions } from './predictions.ts';
import { Render } from './render.ts';
import { Choosing } from './verify/choosing.ts';
import { isForShadow, Shadow } from './verify/shadow.ts';
import { Verifier } from './verify/verifier.ts';
import type { Watch } from './verify/watch.ts';

/** An environment that the sweeper is installed in. */
export interface TemplateSource {
  /** Those of the templates that are not what they were. */
  outdated(templates: readonly TemplateDependency[]): Promise<readonly TemplateDependency[]>;
}
/** Of so many renders one has its lookups timed. */
const TIMED_RENDERS = 16;

/** What all pages of one sweeper share. */
export class Engine {
  readonly settings: Settings;
  readonly fragments: Fragments;
  readonly keys: KeyMaker;
  readonly identifier: Identifier;
  readonly functions: Functions = new Functions();
  readonly #tokens: Tokens;
  readonly entries: Entries;
  readonly verifier: Verifier;
  readonly #finished: (report: UnfinishedReport) => void;
  readonly #transactions: { readonly current: Uncommitted | undefined };
  readonly #predictions: Predictions;
  /** Environments are their owners': this keeps none of them alive. */
  #sources: WeakRef<TemplateSource>[] = [];
  #renders = 0;
  /** What can no longer be swept must not be cached. */
  isClosed = false;

  constructor(parts: {
    settings: Settings;
    identifier: Identifier;
    tokens: Tokens;
    /** The transaction that the running code is in. */
    transactions: { readonly current: Uncommitted | undefined };
    entries: Entries;
    finished: (report: UnfinishedReport) => void;
    /** A hit was verified. */
    verified: (place: Place, verified: Verified) => void;
    /** Told of errors that nobody waits for. */
    failed: (error: unknown) => void;
  }) {
    this.settings = parts.settings;
    this.#tokens = parts.tokens;
    this.#transactions = parts.transactions;
    this.entries = parts.entries;
    this.#finished = parts.finished;
    this.identifier = parts.identifier;
    this.keys = new KeyMaker(parts.settings, parts.identifier);
    this.#predictions = new Predictions(parts.identifier, parts.entries);
    this.verifier = new Verifier({
      ...parts,
      count: parts.verified,
      reader: () => this.#committed(true),
    });
    this.fragments = new Fragments(parts.settings, this.keys, parts.entries);
  }

  addEnvironment(source: TemplateSource): void {
    this.#sources = [...this.#sources.filter((known) => known.deref() !== undefined), new WeakRef(source)];
  }

  /** Whether all these templates are what they were, each in the environment that it belongs to. */
  async areCurrent(templates: readonly TemplateDependency[]): Promise<boolean> {
    let outdated = templates;
    for (const source of this.#sources) {
      if (outdated.length === 0) break;
      outdated = (await source.deref()?.outdated(outdated)) ?? outdated;
    }
    return outdated.length === 0;
  }

  /**
   * @param canWait whether there is a callback
   * @param since when the page's data was read, at the earliest; default: when the request began, if that is known
   */
  newRender(context: PageContext, canWait: boolean, since: number | undefined = requestStarted()): Render {
    return new Render(this.#settingsNow, this.reader(canWait), this.fragments, context, {
      canWait,
      since: oldest(since, currentPart()?.since),
      isTimed: this.#renders++ % TIMED_RENDERS === 0,
      watch: this.settings.verify > 0 ? this.#newWatch() : undefined,
    });
  }

  /** A render of the same page, of which nothing is kept, counted or told. */
  newShadow(original: Render, shadow: Shadow): Render {
    const { context, since } = original;
    const render = new Render(this.#settingsNow, this.#committed(true), this.fragments, context, {
      canWait: true,
      since,
      isTimed: false,
      watch: shadow,
      original,
    });
    render.takeLoaded(original, isSettled);
    return render;
  }

  /** Pages that may show what is not committed are not verified: what they read will be there for nobody else, or later. */
  #newWatch(): Watch | undefined {
    if (isForShadow()) return new Shadow();
    return this.#transactions.current === undefined && !this.isClosed ? new Choosing(this.settings.verify) : undefined;
  }

  get #settingsNow(): Settings {
    return this.isClosed ? { ...this.settings, enabled: false } : this.settings;
  }

  /** Asks for what the same page needed last time; whether the first pass must wait for it, undefined if there is none. */
  predict(render: Render, page: string): boolean | undefined {
    return this.#predictions.begin(render, page);
  }

  /** A page is complete: what it kept is stored, and what it did is reported. */
  succeed(render: Render, template: string, page: string, milliseconds: number): void {
    if (render.watch?.isShadow) return render.forget();
    this.entries.keep(render);
    this.#predictions.learn(render, page);
    const { passes, roundTrips, pass, reader } = render;
    const waited = reader.waited;
    render.forget();
    this.#finished({ template, passes, roundTrips, milliseconds, waited, fragments: pass.reports });
  }

  /**
   * What can be known where the running code is.
   *
   * @param canWait whether whoever asks can wait for the store
   */
  reader(canWait: boolean): TokenReader {
    const { current } = this.#transactions;
    const outside = this.#committed(canWait);
    return current === undefined ? outside : new UncommittedTokenReader(outside, current);
  }

  /** Whether the running code is in a transaction that has changed something under this name. */
  isUncommitted(name: string): boolean {
    return this.#transactions.current?.hasChanged(name) ?? false;
  }

  #committed(canWait: boolean): TokenReader {
    return this.#tokens.reader(canWait);
  }
}

function oldest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
