import type { KeyedEntry } from '../cache/entries.ts';
import type { Entry } from '../cache/entry.ts';
import type { StoredKey } from '../cache/key.ts';
import type { TokenReader } from '../cache/token-reader.ts';
import { CacheSweeperError } from '../errors.ts';
import type { PageContext, Settings } from '../options.ts';
import type { ReadShape } from '../reads/shape.ts';
import type { FragmentDraft } from '../reporting/report.ts';
import { canonicalList } from '../util/canonical.ts';
import { describe } from '../util/describe.ts';
import type { Frame } from './frame.ts';
import type { Watch } from './verify/watch.ts';

/** What one run of a page's template has found so far. It ends with the run. */
export class Pass {
  /** What must be waited for, beside the store, before the page can be finished. */
  readonly pending: Set<Promise<unknown>> = new Set();
  /** Entries of the memory tier that were shown before their tokens were known: the pass counts if they turn out valid. */
  readonly assumed: Entry[] = [];
  /** Something was left out, or not stored, because it was not known yet. */
  hasGap = false;
  /** Something needed more than entries of the memory tier. */
  hasMissed = false;
  /** What the fragments on the page read, for the next prediction. */
  readonly shapes: Set<ReadShape> = new Set();
  readonly reports: FragmentDraft[] = [];
}

/** An entry that this render made. */
export interface KeptEntry extends KeyedEntry {
  /** The last pass that has met it. */
  metBy: Pass;
}

/** Where the body being rendered is known. */
export interface Frames {
  readonly frame: Frame | undefined;
  inside<T>(frame: Frame | undefined, run: () => T): T;
}

/** One request for one page: all it knows lives and dies with it. */
export class Render {
  readonly context: PageContext;
  /** When the page's data was read, at the earliest: milliseconds since 1970. */
  readonly since: number;
  /** Stands for the page where nothing of it must be kept alive. */
  readonly token: object = {};
  /** Whether there is a callback, so that the page can be run again after waiting. */
  readonly canWait: boolean;
  readonly reader: TokenReader;
  readonly frames: Frames;
  /** Complete fragments, to be stored when the whole page has succeeded; by {@link FragmentKey.memoryKey}. */
  readonly kept: Map<string, KeptEntry[]> = new Map();
  /** Entries that came from the store, for the memory tier. */
  readonly found: Map<string, KeyedEntry[]> = new Map();
  /** Records of what tags read, to be stored with them; by their key. */
  readonly records: Map<string, StoredKey & { readonly shape: ReadShape }> = new Map();
  /** The page was delivered, or failed. */
  isFinished = false;
  passes = 0;
  roundTrips = 0;
  /** It waited for more than the store: a lazy, a template. */
  hasWaitedElsewhere = false;
  /** The first pass waited for what was asked before it; undefined when nothing was. */
  mustWait: boolean | undefined;
  /** Whether the lookups of this render are timed; doing it always would cost a tenth of a hit. */
  readonly isTimed: boolean;
  pass: Pass = new Pass();
  /** Sees each use of a tag; undefined where no hit is verified. */
  readonly watch: Watch | undefined;
  /** The render of the page that was delivered, of which this is the shadow; else itself. */
  readonly original: Render;
  readonly #settings: Settings;
  #enabled: boolean | undefined;
  #vary: string | undefined;
  readonly #lazyCalls = new Map<unknown, Map<string, never>>();
  readonly #objectNumbers = new Map<object, number>();

  constructor(
    settings: Settings,
    reader: TokenReader,
    frames: Frames,
    context: PageContext,
    {
      canWait,
      since,
      isTimed,
      watch,
      original,
    }: {
      readonly canWait: boolean;
      readonly since: number | undefined;
      readonly isTimed: boolean;
      readonly watch?: Watch | undefined;
      readonly original?: Render;
    },
  ) {
    this.#settings = settings;
    this.reader = reader;
    this.frames = frames;
    this.context = context;
    this.canWait = canWait;
    this.isTimed = isTimed;
    this.watch = watch;
    this.original = original ?? this;
    const now = settings.now();
    // Data cannot be younger than now.
    this.since = Math.min(since ?? now - settings.maxDataAge, now);
  }

  /** Something is not known yet: the page has to be run again. */
  get isPending(): boolean {
    return this.pass.pending.size > 0 || this.reader.isPending;
  }

  /** The pass that ended is not the page yet: something is not known, or was not when it was shown. */
  get isOpen(): boolean {
    return this.isPending || this.pass.hasGap || this.pass.assumed.length > 0;
  }

  beginPass(): void {
    this.passes++;
    this.pass = new Pass();
    this.watch?.begin();
  }

  /**
   * The page was delivered. Whatever was started while it was rendered (a timer, a connection) holds it through its
   * asynchronous context for as long as it lives, and shall not hold all its html.
   */
  forget(): void {
    this.kept.clear();
    this.found.clear();
    this.records.clear();
    this.pass = new Pass();
  }

  /** Waits for all that is pending, together. */
  async roundTrip(): Promise<void> {
    this.roundTrips++;
    if (this.pass.pending.size > 0) this.hasWaitedElsewhere = true;
    await Promise.all([this.reader.ask(), Promise.allSettled(this.pass.pending)]);
  }

  /** What became of each call of a lazy, by its arguments. */
  lazyCalls<C>(lazy: unknown): Map<string, C> {
    let calls = this.#lazyCalls.get(lazy) as Map<string, C> | undefined;
    if (calls === undefined) {
      calls = new Map();
      this.#lazyCalls.set(lazy, calls as Map<string, never>);
    }
    return calls;
  }

  /**
   * Takes over what the page has loaded: a lazy that it has called may be one that can be called only once.
   *
   * @param isSettled whether a call has ended
   */
  takeLoaded({ original }: Render, isSettled: (call: unknown) => boolean): void {
    for (const [object, number] of original.#objectNumbers) this.#objectNumbers.set(object, number);
    for (const [lazy, calls] of original.#lazyCalls) {
      this.#lazyCalls.set(lazy, new Map([...calls].filter(([, call]) => isSettled(call))));
    }
  }

  /** A number by which an object is known in this render. */
  readonly objectNumber = (object: object): number => {
    const known = this.#objectNumbers.get(object);
    if (known !== undefined) return known;
    this.#objectNumbers.set(object, this.#objectNumbers.size);
    return this.#objectNumbers.size - 1;
  };

  /** The `enabled` option for this page; asked once. */
  get enabled(): boolean {
    const { enabled } = this.#settings;
    this.#enabled ??= typeof enabled === 'function' ? isEnabled(enabled(this.context)) : enabled;
    return this.#enabled;
  }

  /** Canonical text of the `vary` option's values for this page; asked once. */
  get vary(): string {
    this.#vary ??= varyText(this.#settings.vary?.(this.context));
    return this.#vary;
  }
}

function varyText(values: unknown): string {
  if (values === undefined || values === null) return '[]';
  if (Array.isArray(values)) return canonicalList(values, 'vary value');
  throw new CacheSweeperError(
    'CACHESWEEPER_BAD_OPTION',
    `option vary: expected a function that returns a list of values, got ${describe(values)}; return [value]`,
  );
}

function isEnabled(value: unknown): boolean {
  if (!(value instanceof Promise)) return Boolean(value);
  throw new CacheSweeperError(
    'CACHESWEEPER_BAD_OPTION',
    `option enabled: expected a function that returns true or false, got ${describe(value)}`,
  );
}
