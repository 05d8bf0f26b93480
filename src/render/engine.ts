import type { Entries } from '../cache/entries.ts';
import type { TemplateDependency } from '../cache/entry.ts';
import type { KeptHoles } from '../cache/hole.ts';
import type { TokenReader } from '../cache/token-reader.ts';
import type { Tokens } from '../cache/tokens.ts';
import { type Uncommitted, UncommittedTokenReader } from '../cache/uncommitted.ts';
import type { Identifier } from '../model/identity.ts';
import type { PageContext, Settings } from '../options.ts';
import type { BumpedNames, UnfinishedReport } from '../reporting/report.ts';
import type { Verified, ViewDraft } from '../reporting/stats.ts';
import { Ambient, currentLoaded, currentPart, requestStarted } from './ambient.ts';
import { askedContext } from './asked-context.ts';
import { KeyMaker } from './fragment-key.ts';
import { Fragments } from './fragments.ts';
import { Functions } from './functions.ts';
import type { Inspector } from './inspect.ts';
import { isSettled } from './lazy.ts';
import type { Maker } from './making/maker.ts';
import type { Place } from './place.ts';
import { Predictions } from './predictions.ts';
import { Render } from './render.ts';
import { Choosing } from './verify/choosing.ts';
import { isForShadow, Shadow } from './verify/shadow.ts';
import { Verifier } from './verify/verifier.ts';
import type { Watch } from './verify/watch.ts';

/** What holes show. */
export interface FilledHoles {
  readonly texts: readonly string[];
  /** Whether that was served in an outage. */
  readonly hasOutageHit: boolean;
}

/** An environment that the sweeper is installed in. */
export interface TemplateSource {
  /** Returns the templates that have changed, and those that this environment cannot find. */
  outdated(templates: readonly TemplateDependency[]): Promise<readonly TemplateDependency[]>;
  /**
   * Returns what holes show where nothing is known but some variables; undefined if one of them is of another environment,
   * or of another version of its template.
   *
   * @param maker for whom they are shown: who waits for others, and how long
   */
  fill(kept: KeptHoles, variables: PageContext, maker: Maker): Promise<FilledHoles | undefined>;
}

/** One of this many renders has its lookups timed. */
const TIMED_RENDERS = 16;

/** The state that all pages of one sweeper share. */
export class Engine {
  readonly settings: Settings;
  readonly fragments: Fragments;
  readonly keys: KeyMaker;
  readonly identifier: Identifier;
  readonly functions: Functions = new Functions();
  readonly #tokens: Tokens;
  readonly entries: Entries;
  readonly verifier: Verifier;
  readonly #finished: (report: UnfinishedReport, bumped: BumpedNames) => void;
  /** Counts the outcome of a request for a view. */
  readonly viewed: (view: ViewDraft) => void;
  readonly #transactions: { readonly current: Uncommitted | undefined };
  readonly #predictions: Predictions;
  /** Environments that the sweeper is installed in. The references are weak, so that the engine keeps none alive. */
  #sources: WeakRef<TemplateSource>[] = [];
  #environments = 0;
  #renders = 0;
  /** Who looks on at the pages that the running code renders; undefined until there is a panel. */
  #inspectors: Ambient<Inspector> | undefined;
  /** Whether the sweeper is closed. Nothing can be invalidated after that, so nothing may be cached. */
  isClosed = false;

  constructor(parts: {
    settings: Settings;
    identifier: Identifier;
    tokens: Tokens;
    /** The transaction that the running code is in. */
    transactions: { readonly current: Uncommitted | undefined };
    entries: Entries;
    finished: (report: UnfinishedReport, bumped: BumpedNames) => void;
    /** Called when a hit was verified. */
    verified: (place: Place, verified: Verified) => void;
    /** Called with the outcome of a request for a view. */
    viewed: (view: ViewDraft) => void;
    /** Called with errors of background work, which no caller awaits. */
    failed: (error: unknown) => void;
  }) {
    this.settings = parts.settings;
    this.#tokens = parts.tokens;
    this.#transactions = parts.transactions;
    this.entries = parts.entries;
    this.#finished = parts.finished;
    this.viewed = parts.viewed;
    this.identifier = parts.identifier;
    this.keys = new KeyMaker(parts.settings, parts.identifier);
    this.#predictions = new Predictions(parts.identifier, parts.entries);
    this.verifier = new Verifier({
      ...parts,
      count: parts.verified,
      reader: () => this.#committed(true),
    });
    this.fragments = new Fragments(parts.settings, this.keys, parts.entries, () => this.isInTransaction);
  }

  /** Numbers environments in the order in which the sweeper is installed in them. */
  nextEnvironment(): number {
    this.#environments += 1;
    return this.#environments;
  }

  addEnvironment(source: TemplateSource): void {
    this.#sources = [...this.#sources.filter((known) => known.deref() !== undefined), new WeakRef(source)];
  }

  /** Whether all these templates are unchanged, each in the environment that it belongs to. */
  async areCurrent(templates: readonly TemplateDependency[]): Promise<boolean> {
    let outdated = templates;
    for (const source of this.#sources) {
      if (outdated.length === 0) break;
      outdated = (await source.deref()?.outdated(outdated)) ?? outdated;
    }
    return outdated.length === 0;
  }

  /**
   * Fills the holes of a page that was kept with them open; undefined if its environment is not here, or a template is not
   * what it was.
   */
  async fill(kept: KeptHoles, variables: PageContext, maker: Maker): Promise<FilledHoles | undefined> {
    for (const source of this.#sources) {
      const filled = await source.deref()?.fill(kept, variables, maker);
      if (filled !== undefined) return filled;
    }
    return undefined;
  }

  /**
   * Begins a render.
   *
   * @param canWait whether there is a callback
   * @param since the earliest time that the page's data was read; default: when the request began, if that is known
   * @param around for whom it renders; default: the lazy or view that the running code belongs to
   */
  newRender(
    context: PageContext,
    canWait: boolean,
    since: number | undefined = requestStarted(),
    around: Maker | undefined = currentPart()?.maker,
  ): Render {
    return new Render(this.#settingsNow, this.reader(canWait), this.fragments.bodies, context, {
      canWait,
      since: oldest(since, currentPart()?.since),
      isTimed: this.#renders++ % TIMED_RENDERS === 0,
      around,
      loaded: currentLoaded(),
      release: (held) => this.entries.release(held, 'failed'),
      watch: this.settings.verify > 0 ? this.#newWatch() : undefined,
      inspector: this.inspector,
      asked: askedContext(context, currentPart()?.watch),
    });
  }

  /** Returns another render of the same page, to verify its hits. Nothing of it is stored, counted or reported. */
  newShadow(original: Render, shadow: Shadow): Render {
    const { context, since } = original;
    const render = new Render(this.#settingsNow, this.#committed(true), this.fragments.bodies, context, {
      canWait: true,
      since,
      isTimed: false,
      watch: shadow,
      original,
    });
    render.takeLoaded(original, isSettled);
    return render;
  }

  /**
   * Returns the watch of a page. Pages in a transaction are not verified: they may show uncommitted data, which the
   * shadow, rendered later, may not find.
   */
  #newWatch(): Watch | undefined {
    if (isForShadow()) return new Shadow();
    return this.#transactions.current === undefined && !this.isClosed ? new Choosing(this.settings.verify) : undefined;
  }

  get #settingsNow(): Settings {
    return this.isClosed ? { ...this.settings, enabled: false } : this.settings;
  }

  /**
   * Asks for the tokens and entries that the same page needed last time. Returns whether the first pass must wait for
   * the answer; undefined when nothing was asked.
   */
  predict(render: Render, page: string): boolean | undefined {
    return this.#predictions.begin(render, page);
  }

  /** Ends a page that is complete: stores its entries and reports its fragments. */
  succeed(render: Render, template: string, page: string, milliseconds: number): void {
    if (render.watch?.isShadow) return render.forget();
    if (render.hasOutageHit) storedNothing(render);
    else {
      this.entries.keep(render);
      this.#predictions.learn(render, page);
    }
    const { passes, roundTrips, pass, reader } = render;
    const waited = reader.waited;
    render.forget();
    const time = this.settings.now();
    const report = { template, passes, roundTrips, time, milliseconds, waited, fragments: pass.reports };
    this.#finished(report, pass.bumped);
    render.inspection?.end(report);
  }

  /** Who looks on at the pages that the running code renders, if a panel is on for it. */
  get inspector(): Inspector | undefined {
    return this.#inspectors?.current;
  }

  /** From here on, the pages of the running code, and of what runs later because of it, are looked on at. */
  enterInspector(inspector: Inspector): void {
    this.#inspectors ??= new Ambient();
    this.#inspectors.enter(inspector);
  }

  /** Runs code whose pages are looked on at. */
  inspect<T>(inspector: Inspector, run: () => T): T {
    this.#inspectors ??= new Ambient();
    return this.#inspectors.run(inspector, run);
  }

  /**
   * Returns the token reader for the running code, which may be in a transaction.
   *
   * @param canWait whether the caller can wait for the store
   */
  reader(canWait: boolean): TokenReader {
    const { current } = this.#transactions;
    const outside = this.#committed(canWait);
    return current === undefined ? outside : new UncommittedTokenReader(outside, current);
  }

  get isInTransaction(): boolean {
    return this.#transactions.current !== undefined;
  }

  /** Whether the running code is in a transaction that has changed something under this name. */
  isUncommitted(name: string): boolean {
    return this.#transactions.current?.hasChanged(name) ?? false;
  }

  #committed(canWait: boolean): TokenReader {
    return this.#tokens.reader(canWait);
  }
}

/** Corrects the reports of a page with an outage hit: what it has rendered was not stored. */
function storedNothing({ pass }: Render): void {
  for (const fragment of pass.reports) {
    if (fragment.outcome === 'miss') Object.assign(fragment, { outcome: 'uncached', reason: 'outage' });
  }
}

function oldest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
