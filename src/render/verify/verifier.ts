import { setImmediate as immediate } from 'node:timers/promises';
import type { Entries } from '../../cache/entries.ts';
import type { Entry } from '../../cache/entry.ts';
import { CLOCK_SKEW } from '../../cache/new-entry.ts';
import { type Token, tokenTime } from '../../cache/token.ts';
import type { TokenReader } from '../../cache/token-reader.ts';
import type { Settings } from '../../options.ts';
import type { Verified } from '../../reporting/stats.ts';
import { Background } from '../../util/background.ts';
import type { Place } from '../place.ts';
import { differs, notDeterministic } from './difference.ts';
import { Pauses } from './pauses.ts';
import { type Fresh, Shadow } from './shadow.ts';
import type { Chosen } from './watch.ts';

/** Limit of pages whose hits are being verified at one time. Hits of further pages are skipped. */
const MAX_PAGES = 10;
/** Time limit of a shadow, in milliseconds: a lazy that never settles must not block verification for ever. */
const MAX_TIME = 10_000;
/** Limit of tags reported as not deterministic; each is reported once. */
const MAX_SAID = 2_000;

/** A page that was delivered. */
export interface Delivered {
  readonly chosen: readonly Chosen[];
  /** Earliest time its data was read, in milliseconds since 1970. */
  readonly since: number;
  /** Renders the page again, for a shadow. Rejects with the template's error. */
  renderAgain(shadow: Shadow): Promise<void>;
}

interface Suspect {
  readonly hit: Chosen;
  readonly fresh: Fresh;
}

/** Renders the bodies of some hits after their page was delivered, and reports those that were served wrongly. */
export class Verifier {
  readonly #settings: Pick<Settings, 'store' | 'maxDataAge'>;
  readonly #entries: Entries;
  readonly #reader: () => TokenReader;
  readonly #count: (place: Place, verified: Verified) => void;
  readonly #failed: (error: unknown) => void;
  readonly #pages = new Background(MAX_PAGES);
  readonly #pauses = new Pauses();
  readonly #said = new Set<string>();

  constructor(parts: {
    readonly settings: Pick<Settings, 'store' | 'maxDataAge'>;
    readonly entries: Entries;
    /** Returns a reader of the tokens as they are now. */
    readonly reader: () => TokenReader;
    readonly count: (place: Place, verified: Verified) => void;
    readonly failed: (error: unknown) => void;
  }) {
    this.#settings = parts.settings;
    this.#entries = parts.entries;
    this.#reader = parts.reader;
    this.#count = parts.count;
    this.#failed = parts.failed;
  }

  /** Verifies the chosen hits of a page, after the page has been handed to its caller. */
  start(page: Delivered): void {
    const isStarted = this.#pages.start(() => this.#verify(page));
    if (!isStarted) this.#skip(page.chosen);
  }

  /** Resolves when all hits chosen so far are verified. */
  idle(): Promise<void> {
    return this.#pauses.keepAlive(this.#pages.idle());
  }

  /** Skips hits that are not verified yet. */
  async close(): Promise<void> {
    this.#pauses.end();
    await this.#pages.idle();
  }

  async #verify(page: Delivered): Promise<void> {
    await immediate();
    const first = await this.#render(page, page.chosen);
    const differing = first.filter((suspect) => !this.#isSame(suspect));
    const suspects = await this.#stillValid(differing.filter((suspect) => !this.#mayDiffer(page, suspect)));
    if (suspects.length === 0) return;
    // A save may not have been reported yet, or may have been reported to another process. Wait, then check tokens
    // again.
    await this.#pauses.begin(this.#settings.maxDataAge).over;
    if (this.#pauses.hasEnded) return this.#skip(hitsOf(suspects));
    const valid = await this.#stillValid(suspects);
    if (valid.length === 0) return;
    const second = await this.#render(page, hitsOf(valid));
    const again = second.filter((suspect) => !this.#isSame(suspect));
    for (const { hit, fresh } of await this.#stillValid(again)) {
      const before = suspects.find((suspect) => suspect.hit === hit)?.fresh ?? fresh;
      this.#report(hit, before, fresh);
    }
  }

  /** Returns what the bodies of some hits give now. Hits of which nothing can be said are counted as skipped. */
  async #render(page: Delivered, hits: readonly Chosen[]): Promise<Suspect[]> {
    const shadow = new Shadow(hits);
    const deadline = this.#pauses.begin(MAX_TIME);
    // Drop the error: the page was delivered without it.
    const rendered = page.renderAgain(shadow).then(
      () => true,
      () => false,
    );
    const isRendered = await Promise.race([rendered, deadline.over.then(() => false)]);
    deadline.cancel();
    const made = shadow.end();
    const found: Suspect[] = [];
    for (const hit of hits) {
      const fresh = isRendered ? made.get(hit) : undefined;
      if (fresh === undefined) this.#count(hit.place, 'skipped');
      else found.push({ hit, fresh });
    }
    return found;
  }

  #isSame({ hit, fresh }: Suspect): boolean {
    if (fresh.html !== hit.entry.html) return false;
    this.#count(hit.place, 'checked');
    return true;
  }

  /**
   * Whether a difference means nothing: the tag has `except=`, or the page's data may be from before a bump after which
   * the entry was made, and then the entry is right.
   */
  #mayDiffer({ since }: Delivered, { hit, fresh }: Suspect): boolean {
    const isOlder = youngest(hit.entry) >= since - (this.#settings.store === undefined ? 0 : CLOCK_SKEW);
    if (isOlder || fresh.isLoose) this.#count(hit.place, 'skipped');
    return isOlder || fresh.isLoose;
  }

  /** Returns hits whose tokens, read anew, are still the same. Others are counted as skipped. */
  async #stillValid(suspects: readonly Suspect[]): Promise<Suspect[]> {
    if (suspects.length === 0) return [];
    const reader = this.#reader();
    for (const { hit } of suspects) this.#entries.judge(hit.entry, reader);
    await reader.ask();
    return suspects.filter(({ hit }) => {
      const isValid = this.#entries.judge(hit.entry, reader) === 'valid';
      if (!isValid) this.#count(hit.place, 'skipped');
      return isValid;
    });
  }

  #report(hit: Chosen, before: Fresh, fresh: Fresh): void {
    this.#count(hit.place, 'differed');
    if (before.html === fresh.html) {
      this.#entries.replace(hit.memoryKey, hit.entry, fresh.stored);
      this.#failed(differs(hit, fresh.html));
      return;
    }
    const tag = `${hit.place.template}:${hit.place.line}`;
    if (this.#said.has(tag) || this.#said.size >= MAX_SAID) return;
    this.#said.add(tag);
    this.#failed(notDeterministic(hit, before.html, fresh.html));
  }

  #skip(hits: readonly Chosen[]): void {
    for (const { place } of hits) this.#count(place, 'skipped');
  }
}

function hitsOf(suspects: readonly Suspect[]): Chosen[] {
  return suspects.map(({ hit }) => hit);
}

/** Returns when the youngest token of an entry was made; 0 if it has none. */
function youngest({ dependencies }: Entry): number {
  let token: Token = '';
  for (let i = 1; i < dependencies.length; i += 2) {
    const other = dependencies[i] as Token;
    if (other > token) token = other;
  }
  return token === '' ? 0 : tokenTime(token);
}
