import type { KeyedEntry } from '../cache/entries.ts';
import type { Entry } from '../cache/entry.ts';
import type { StoredKey } from '../cache/key.ts';
import type { Token } from '../cache/token.ts';
import type { PENDING, TokenReader, UNKNOWN } from '../cache/token-reader.ts';
import type { PageContext, Settings } from '../options.ts';
import type { ReadShape } from '../reads/shape.ts';
import type { Bumped } from '../reporting/cause.ts';
import type { FragmentDraft } from '../reporting/report.ts';
import { canonicalList } from '../util/canonical.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import type { Bodies } from './body.ts';
import type { Inspection, Inspector } from './inspect.ts';
import type { Loaded } from './loaded.ts';
import { Early } from './making/early.ts';
import { Maker } from './making/maker.ts';
import type { Watch } from './verify/watch.ts';

/** The state of one pass, which is one run of the page's template. */
export class Pass {
  /** Promises, other than of the store, that the page has to wait for. */
  readonly pending: Set<Promise<unknown>> = new Set();
  /**
   * Entries of the memory tier that were shown before their tokens were known. The pass counts only if all are valid.
   */
  readonly assumed: Entry[] = [];
  /** Whether something was left out, or not stored, because it was not known yet. */
  hasGap = false;
  /** Whether a fragment needed more than an entry that is in this process. */
  hasMissed = false;
  /** Paths that the page's fragments read, for the next prediction. */
  readonly shapes: Set<ReadShape> = new Set();
  readonly reports: FragmentDraft[] = [];
  /** Names that were bumped, by the fragment that missed because of them. */
  readonly bumped = new Map<FragmentDraft, readonly Bumped[]>();
}

/** What a render does about the lease of a fragment: it waits, asks again, or makes the entry. */
export interface LeaseState {
  readonly waits?: Promise<unknown>;
  /** Another process has it. The render shows what there is meanwhile. */
  readonly isElsewhere?: true;
  /** The lease that it may hold. */
  readonly held?: string;
  /** How often it has asked for leases of this fragment in vain. */
  readonly asked?: number;
  /** The lease that it has asked for last, and how many makers of that have ended without an entry for it. */
  readonly lease?: string;
  readonly tries?: number;
}

/** An entry that this render made. */
export interface KeptEntry extends KeyedEntry {
  /** The last pass that has used it. */
  metBy: Pass;
}

/**
 * The state of one rendering of one page. After the page is delivered, only the shadow that verifies it uses this
 * state.
 */
export class Render {
  readonly context: PageContext;
  /** The earliest time that the page's data was read: milliseconds since 1970. */
  readonly since: number;
  /** Stands for the page in caches that must not keep the page alive. */
  readonly token: object = {};
  /** Whether there is a callback, so that the page can be run again after waiting. */
  readonly canWait: boolean;
  readonly reader: TokenReader;
  readonly bodies: Bodies;
  /**
   * Entries that this render made, by {@link FragmentKey.memoryKey}. They are stored when the whole page has succeeded.
   */
  readonly kept: Map<string, KeptEntry[]> = new Map();
  /** Entries read from the store, by memory key. They go to the memory tier. */
  readonly found: Map<string, KeyedEntry[]> = new Map();
  /** Records of the paths that tags read, by their key. They are stored together with the entries. */
  readonly records: Map<string, StoredKey & { readonly shape: ReadShape }> = new Map();
  /** Entries that other renders have made for this one, by memory key. */
  readonly handed: Map<string, KeyedEntry[]> = new Map();
  /** Memory keys of fragments whose data it loads. It does not wait for others that load the same. */
  readonly makes: Set<string> = new Set();
  /** What it does about leases that it has asked for, by memory key. */
  readonly leases: Map<string, LeaseState> = new Map();
  /** Answers about leases that others have asked for and it has waited for, by memory key. */
  readonly answers: Map<string, Promise<unknown>[]> = new Map();
  /** Whether the store has not answered when it was asked for a lease. It is not waited for again. */
  hasAskedInVain = false;
  /** Leases that it holds. */
  readonly held: Set<string> = new Set();
  /** Called with leases that it holds when it ends without having stored anything under them. */
  readonly #release: (held: Set<string>) => void;
  /** Paths by which variants were told apart that it makes, or waits for, by memory key. */
  readonly shapes: Map<string, Set<ReadShape>> = new Map();
  /** What it makes anew before it has expired; undefined for nothing. */
  readonly early: Early | undefined;
  /** Until when what it renders for was to live, if that is made early: milliseconds since 1970. */
  readonly renews: number;
  /** When it first rendered a body that is not kept yet, in milliseconds since 1970, by memory key. */
  readonly begun: Map<string, number> = new Map();
  /** What it makes, for others as well. */
  readonly maker: Maker;
  /** What the code that renders it has loaded from elsewhere. */
  readonly loaded: Loaded | undefined;
  #isFinished = false;
  #isAhead = false;
  /** Whether it shows what was served in an outage. Then nothing of it is stored. */
  hasOutageHit = false;
  passes = 0;
  roundTrips = 0;
  /** Whether it waited for anything but the store: a lazy, or a template. */
  hasWaitedElsewhere = false;
  /** Whether the first pass waited for the prefetch; undefined when nothing was prefetched. */
  mustWait: boolean | undefined;
  /** Whether the lookups of this render are timed; doing it always would cost a tenth of a hit. */
  readonly isTimed: boolean;
  pass: Pass = new Pass();
  /** Watches each use of a tag; undefined where no hit is verified. */
  readonly watch: Watch | undefined;
  /** Looks on for the panel; undefined where no panel is on. */
  readonly inspection: Inspection | undefined;
  /** The render of the delivered page, if this one is its shadow; otherwise this render. */
  readonly original: Render;
  readonly #settings: Settings;
  readonly #asked: PageContext;
  #enabled: boolean | undefined;
  #vary: string | undefined;
  /** Tokens of what its bodies show, each with the number of the pass that has read it. */
  readonly #bodyTokens = new Map<string, { readonly token: Token; readonly pass: number }>();
  readonly #lazyCalls = new Map<unknown, Map<string, never>>();
  readonly #objectNumbers = new Map<object | symbol, number>();

  constructor(
    settings: Settings,
    reader: TokenReader,
    bodies: Bodies,
    context: PageContext,
    {
      canWait,
      since,
      isTimed,
      around,
      loaded,
      release = () => {},
      watch,
      inspector,
      original,
      asked = context,
    }: {
      readonly canWait: boolean;
      readonly since: number | undefined;
      readonly isTimed: boolean;
      /** For whom it renders, if it is a part of a lazy or view. */
      readonly around?: Maker | undefined;
      readonly loaded?: Loaded | undefined;
      /** Gives leases back. */
      readonly release?: ((held: Set<string>) => void) | undefined;
      readonly watch?: Watch | undefined;
      readonly inspector?: Inspector | undefined;
      readonly original?: Render;
      /** The page's variables for the functions among the options. */
      readonly asked?: PageContext;
    },
  ) {
    this.#settings = settings;
    this.reader = reader;
    this.bodies = bodies;
    this.context = context;
    this.#asked = asked;
    this.canWait = canWait;
    this.isTimed = isTimed;
    this.#release = release;
    this.maker = new Maker(around, true);
    this.loaded = loaded;
    this.renews = around?.renewsAround ?? 0;
    // Who cannot wait would fail where the body has to.
    this.early = canWait && !watch?.isShadow ? Early.of(settings) : undefined;
    this.watch = watch;
    this.inspection = inspector?.begin();
    if (inspector?.without === 'cache') this.#enabled = false;
    this.original = original ?? this;
    const now = settings.now();
    // `since` may be in the future, but data cannot.
    this.since = Math.min(since ?? now - settings.maxDataAge, now);
  }

  /** Whether the page has to run again because an answer, a lazy or a template is still awaited. */
  get isPending(): boolean {
    return this.pass.pending.size > 0 || this.reader.isPending;
  }

  /**
   * Whether the html of the pass cannot be delivered yet: something is not known, or was not known when it was shown.
   */
  get isOpen(): boolean {
    return this.isPending || this.pass.hasGap || this.pass.assumed.length > 0;
  }

  /** Whether the page was delivered, or failed. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** The page was delivered, or failed. */
  finish(): void {
    this.#isFinished = true;
    this.maker.end();
    if (this.held.size > 0) this.#release(this.held);
  }

  /**
   * Something has failed that it may make early: from now on it makes nothing early. Returns whether it did. Then it runs again,
   * and shows what has not expired.
   */
  giveUpEarly(): boolean {
    if (this.early?.giveUp() !== true) return false;
    this.maker.renews = 0;
    if (this.held.size > 0) this.#release(this.held);
    return true;
  }

  beginPass(): void {
    this.passes++;
    this.pass = new Pass();
    this.watch?.begin();
    this.inspection?.pass();
  }

  /**
   * Releases the html after the page was delivered. A timer or connection that the page started keeps this render alive
   * through its asynchronous context, and must not keep all the html alive with it.
   */
  forget(): void {
    this.kept.clear();
    this.found.clear();
    this.handed.clear();
    this.shapes.clear();
    this.records.clear();
    this.#bodyTokens.clear();
    this.pass = new Pass();
  }

  /** Shows nothing in place of a fragment that is not known yet. The gap makes the page run again. */
  leaveOut(): '' {
    this.pass.hasGap = true;
    return '';
  }

  /** The page has to wait for something, because of the body that is being rendered. */
  waitFor(promise: Promise<unknown>): void {
    this.pass.pending.add(promise);
    this.bodies.wait();
  }

  /** The first round trip has begun before the first pass. It counts also where its answers are there before they are asked for. */
  beginAhead(): void {
    this.roundTrips++;
    this.#isAhead = true;
  }

  /** Waits for everything pending at the same time. */
  async roundTrip(): Promise<void> {
    if (!this.#isAhead) this.roundTrips++;
    this.#isAhead = false;
    if (this.pass.pending.size > 0) this.hasWaitedElsewhere = true;
    await Promise.all([this.reader.ask(), Promise.allSettled(this.pass.pending)]);
  }

  /**
   * Returns the token for what a body shows under a name. What an earlier pass has read stays: the data that was loaded then may
   * be older than a bump since.
   */
  bodyToken(name: string): Token | typeof PENDING | typeof UNKNOWN {
    const token = this.reader.token(name);
    if (typeof token !== 'string') return token;
    const before = this.#bodyTokens.get(name);
    if (before !== undefined && before.pass !== this.passes) return before.token;
    this.#bodyTokens.set(name, { token, pass: this.passes });
    return token;
  }

  /** Returns the calls of a lazy in this render, by their arguments. */
  lazyCalls<C>(lazy: unknown): Map<string, C> {
    let calls = this.#lazyCalls.get(lazy) as Map<string, C> | undefined;
    if (calls === undefined) {
      calls = new Map();
      this.#lazyCalls.set(lazy, calls as Map<string, never>);
    }
    return calls;
  }

  /**
   * Takes over the data that the page has loaded, because some lazies can be called only once.
   *
   * @param isSettled whether a call has its value or has failed
   */
  takeLoaded({ original }: Render, isSettled: (call: unknown) => boolean): void {
    for (const [object, number] of original.#objectNumbers) this.#objectNumbers.set(object, number);
    for (const [lazy, calls] of original.#lazyCalls) {
      this.#lazyCalls.set(lazy, new Map([...calls].filter(([, call]) => isSettled(call))));
    }
  }

  /** Returns a number that identifies an object within this render. */
  readonly objectNumber = (object: object | symbol): number => {
    const known = this.#objectNumbers.get(object);
    if (known !== undefined) return known;
    this.#objectNumbers.set(object, this.#objectNumbers.size);
    return this.#objectNumbers.size - 1;
  };

  /** The value of the `enabled` option for this page; asked once. */
  get enabled(): boolean {
    const { enabled } = this.#settings;
    this.#enabled ??= typeof enabled === 'function' ? isEnabled(enabled(this.#asked)) : enabled;
    return this.#enabled;
  }

  /** Canonical text of the `vary` option's values for this page; asked once. */
  get vary(): string {
    this.#vary ??= varyText(this.#settings.vary?.(this.#asked));
    return this.#vary;
  }
}

function varyText(values: unknown): string {
  if (values === undefined || values === null) return '[]';
  if (Array.isArray(values)) return canonicalList(values, 'vary value');
  throw badOption('option vary', 'a function that returns a list of values', describe(values), {
    todo: 'return [value]',
  });
}

function isEnabled(value: unknown): boolean {
  if (!(value instanceof Promise)) return Boolean(value);
  throw badOption('option enabled', 'a function that returns true or false', describe(value));
}
