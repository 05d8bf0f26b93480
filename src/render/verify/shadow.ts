import type { StoredKey } from '../../cache/key.ts';
import { Ambient } from '../ambient.ts';
import { around, UsePath } from './use-path.ts';
import type { Chosen, TagUse, Watch } from './watch.ts';

/** Fresh result of the body of a verified hit. */
export interface Fresh {
  readonly html: string;
  /** Whether its tag, or one inside, has `except=`; then a difference is intended. */
  readonly isLoose: boolean;
  /** The entry's key in the store, if it may be there. */
  readonly stored: StoredKey | undefined;
}

/**
 * Tells code whether it runs for a shadow. It has no html in it, because a connection opened for the shadow keeps this
 * context for ever; `hasEnded` keeps it from turning later pages into shadows.
 */
const shadows = new Ambient<{ readonly hasEnded: boolean }>();

/** Whether the running code belongs to a shadow. Pages rendered by a shadow's lazies are shadows as well. */
export function isForShadow(): boolean {
  return shadows.current?.hasEnded === false;
}

/**
 * Renders the bodies of chosen hits, and of all fragments inside them, in a page that is not delivered. Other fragments
 * are shown as usual, because the chosen bodies may read variables that they set, or their html.
 */
export class Shadow implements Watch {
  readonly isShadow = true;
  #chosen: ReadonlyMap<string, Chosen>;
  /** Uses whose bodies were rendered, with a chosen hit inside. */
  readonly #around: ReadonlySet<string>;
  /** Uses that were served, with a chosen hit in one of their holes. */
  readonly #served: ReadonlySet<string>;
  readonly #life = { hasEnded: false };
  #fresh = new Map<Chosen, Fresh>();
  #path = new UsePath();
  #isInside = false;
  /** Whether the body being verified, or one inside, has `except=`. */
  #isLoose = false;

  constructor(chosen: readonly Chosen[] = []) {
    this.#chosen = new Map(chosen.map((hit) => [hit.path, hit]));
    const found = chosen.map(({ path }) => around(path));
    this.#served = new Set(found.flatMap(({ served }) => served));
    this.#around = new Set(found.flatMap(({ uses }) => uses.filter((path) => !this.#served.has(path))));
  }

  /** Whether its result is no longer needed. */
  get hasEnded(): boolean {
    return this.#life.hasEnded;
  }

  /** Runs a function as part of this shadow. */
  around<T>(run: () => T): T {
    return shadows.run(this.#life, run);
  }

  begin(): void {
    this.#path = new UsePath();
    this.#isInside = false;
    this.#fresh.clear();
  }

  run(use: TagUse): string {
    return this.#path.inside(() => {
      if (this.#isInside) {
        this.#isLoose ||= use.place.except.length > 0;
        return use.body().shown;
      }
      const path = this.#path.text;
      const chosen = this.#chosen.get(path);
      if (chosen !== undefined) {
        const html = this.#verify(use, chosen);
        return this.#served.has(path) ? use.show() : html;
      }
      return this.#around.has(path) ? use.body().shown : use.show();
    });
  }

  #verify(use: TagUse, chosen: Chosen): string {
    const found = use.find(chosen);
    if (found === 'other') return use.show();
    if (found === 'pending') return '';
    this.#isInside = true;
    this.#isLoose = use.place.except.length > 0;
    try {
      const { html, shown } = use.body();
      this.#fresh.set(chosen, { html, isLoose: this.#isLoose, stored: found.stored });
      return shown;
    } finally {
      this.#isInside = false;
    }
  }

  /**
   * Ends the shadow and returns what its last pass found. A hit is missing if another fragment, or none, was in its
   * place.
   */
  end(): ReadonlyMap<Chosen, Fresh> {
    const fresh = this.#fresh;
    this.#life.hasEnded = true;
    this.#chosen = new Map();
    this.#fresh = new Map();
    return fresh;
  }

  inHoles<T>(fill: () => T): T {
    return this.#path.inHoles(fill);
  }

  hit(): void {}

  take(): readonly Chosen[] {
    return [];
  }
}
