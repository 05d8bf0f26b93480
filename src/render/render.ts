import { canonicalList } from '../fragment/canonical.ts';
import type { Dependencies } from '../fragment/dependencies.ts';
import type { Entry } from '../fragment/entry.ts';
import type { PageContext, Settings } from '../options.ts';
import type { FragmentReport } from './report.ts';

/** What one run of a page's template has found so far. It ends with the run. */
export class Pass {
  /** What must be waited for before the page can be finished. */
  readonly pending = new Set<Promise<unknown>>();
  /** Complete fragments, to be stored when the whole page has succeeded. */
  readonly kept = new Map<string, Entry>();
  /** Every fragment finished so far: html captured from it may be printed inside a later one. */
  readonly finished: (Entry | Dependencies)[] = [];
  /** A fragment that must not be stored was finished: neither may what captures it. */
  hasUncached = false;
  readonly reports: FragmentReport[] = [];
}

/** One request for one page: all it knows lives and dies with it. */
export class Render {
  readonly context: PageContext;
  /** When the page's data was read, at the earliest: milliseconds since 1970. */
  readonly since: number;
  /** Whether there is a callback, so that the page can be run again after waiting. */
  readonly canWait: boolean;
  passes = 0;
  waves = 0;
  pass: Pass = new Pass();
  readonly #settings: Settings;
  #enabled: boolean | undefined;
  #vary: string | undefined;

  constructor(settings: Settings, context: PageContext, canWait: boolean, since: number | undefined) {
    this.#settings = settings;
    this.context = context;
    this.canWait = canWait;
    this.since = since ?? settings.now() - settings.maxDataAge;
  }

  beginPass(): Pass {
    this.passes++;
    this.pass = new Pass();
    return this.pass;
  }

  /** The `enabled` option for this page; asked once. */
  get enabled(): boolean {
    const { enabled } = this.#settings;
    this.#enabled ??= typeof enabled === 'function' ? Boolean(enabled(this.context)) : enabled;
    return this.#enabled;
  }

  /** Canonical text of the `vary` option's values for this page; asked once. */
  get vary(): string {
    this.#vary ??= canonicalList(this.#settings.vary?.(this.context) ?? [], 'vary value');
    return this.#vary;
  }
}
