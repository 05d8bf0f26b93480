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

/** Delivered pages whose hits are being verified at one time; those of others are skipped. */
const MAX_PAGES = 10;
/** What a shadow may take, in milliseconds: a lazy that never settles must not hold its place for ever. */
const MAX_TIME = 10_000;
/** Tags that were said to be not deterministic; beyond that nothing more is said. */
const MAX_SAID = 2_000;

/** A page that was delivered. */
export interface Delivered {
  readonly chosen: readonly Chosen[];
  /** When its data was read, at the earliest: milliseconds since 1970. */
  readonly since: number;
  /** Renders it once more for a shadow. Rejects with what the template throws. */
  renderAgain(shadow: Shadow): Promise<void>;
}

interface Suspect {
  readonly hit: Chosen;
  readonly fresh: Fresh;
}

/** Renders the bodies of some hits when their page has been delivered, and reports those that were served wrongly. */
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
    /** What is known of tokens now. */
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

  /** Verifies the chosen hits of a page, not before the page is with whoever asked for it. */
  start(page: Delivered): void {
    const isStarted = this.#pages.start(() => this.#verify(page));
    if (!isStarted) this.#skip(page.chosen);
  }

  /** Resolved when all hits chosen so far are verified. */
  idle(): Promise<void> {
    return this.#pauses.keepAlive(this.#pages.idle());
  }

  /** Skips what is not verified yet. */
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
    // A save may have been made and not reported yet, or be reported to another process.
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

  /** What the bodies of some hits give now; hits of which nothing can be said are counted. */
  async #render(page: Delivered, hits: readonly Chosen[]): Promise<Suspect[]> {
    const shadow = new Shadow(hits);
    const deadline = this.#pauses.begin(MAX_TIME);
    // What it throws belongs to nobody: the page was delivered.
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
   * Whether a difference says nothing: it is in a path that the tag excepts; or the page shows data from before a bump that the
   * entry was made after, and the entry is the better one.
   */
  #mayDiffer({ since }: Delivered, { hit, fresh }: Suspect): boolean {
    const isOlder = youngest(hit.entry) >= since - (this.#settings.store === undefined ? 0 : CLOCK_SKEW);
    if (isOlder || fresh.isLoose) this.#count(hit.place, 'skipped');
    return isOlder || fresh.isLoose;
  }

  /** Those whose tokens are what they were, read anew; the others are counted. */
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
      this.#entries.expire(hit.memoryKey, hit.entry, fresh.stored);
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

/** When the youngest token of an entry was made. */
function youngest({ dependencies }: Entry): number {
  let token: Token = '';
  for (let i = 1; i < dependencies.length; i += 2) {
    const other = dependencies[i] as Token;
    if (other > token) token = other;
  }
  return token === '' ? 0 : tokenTime(token);
}
