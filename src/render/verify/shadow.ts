import type { StoredKey } from '../../cache/key.ts';
import { Ambient } from '../ambient.ts';
import { around, UsePath } from './use-path.ts';
import type { Chosen, TagUse, Watch } from './watch.ts';

/** What the body of a verified hit gives now. */
export interface Fresh {
  readonly html: string;
  /** Its tag, or one in it, has `except=`: a difference is what its author wants. */
  readonly isLoose: boolean;
  /** The entry's key in the store, if it may be there. */
  readonly stored: StoredKey | undefined;
}

/**
 * The shadow that is rendered, without its html: a connection that is opened in it keeps its asynchronous context, and must
 * make no shadows of later pages.
 */
const shadows = new Ambient<{ readonly hasEnded: boolean }>();

/** Whether what runs here runs for a shadow: pages that are rendered by its lazies are shadows as well. */
export function isForShadow(): boolean {
  return shadows.current?.hasEnded === false;
}

/**
 * Renders the bodies of chosen hits, and of all fragments in them, in a page that nobody gets. All other fragments are shown
 * as usual, because bodies may read what they set, or their html.
 */
export class Shadow implements Watch {
  readonly isShadow = true;
  #chosen: ReadonlyMap<string, Chosen>;
  /** Bodies that were rendered when the page was made, around a chosen hit. */
  readonly #around: ReadonlySet<string>;
  readonly #life = { hasEnded: false };
  #fresh = new Map<Chosen, Fresh>();
  #path = new UsePath();
  #isInside = false;
  /** The body that is being verified, or one in it, has `except=`. */
  #isLoose = false;

  constructor(chosen: readonly Chosen[] = []) {
    this.#chosen = new Map(chosen.map((hit) => [hit.path, hit]));
    this.#around = new Set(chosen.flatMap(({ path }) => around(path)));
  }

  /** Nobody waits for it any more. */
  get hasEnded(): boolean {
    return this.#life.hasEnded;
  }

  /** Runs something for it. */
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
        return use.body();
      }
      const path = this.#path.text;
      const chosen = this.#chosen.get(path);
      if (chosen !== undefined) return this.#verify(use, chosen);
      return this.#around.has(path) ? use.body() : use.show();
    });
  }

  #verify(use: TagUse, chosen: Chosen): string {
    const found = use.find(chosen);
    if (found === 'other') return use.show();
    if (found === 'pending') return '';
    this.#isInside = true;
    this.#isLoose = use.place.except.length > 0;
    try {
      const html = use.body();
      this.#fresh.set(chosen, { html, isLoose: this.#isLoose, stored: found.stored });
      return html;
    } finally {
      this.#isInside = false;
    }
  }

  /** Hands over what the last pass has found: nothing of a hit in whose place another fragment stood, or none. */
  end(): ReadonlyMap<Chosen, Fresh> {
    const fresh = this.#fresh;
    this.#life.hasEnded = true;
    this.#chosen = new Map();
    this.#fresh = new Map();
    return fresh;
  }

  hit(): void {}

  take(): readonly Chosen[] {
    return [];
  }
}
