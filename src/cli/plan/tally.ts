import type { FragmentReport, RenderReport, UncachedReason } from '../../reporting/report.ts';
import { waitShares } from '../../reporting/wait-shares.ts';

/** What keeps a tag from being a hit. */
export interface Obstacle {
  readonly uses: number;
  /** What it is and what to do, as the last report says it. */
  readonly detail: string | undefined;
}

/** What the reports say of one tag. Milliseconds. */
export interface TagTally {
  readonly template: string;
  readonly line: number;
  uses: number;
  hits: number;
  /** What keeps it from being a hit, apart from that it is new: `not stored, unseen`. */
  readonly obstacles: Map<string, Obstacle>;
  /** What its body would have taken on the hits. */
  saved: number;
  /** What looking for it has taken, without waiting for the store: a page waits once for all of its tags. */
  looking: number;
}

/** What the reports say of a page. Milliseconds. */
export interface PageTally {
  readonly template: string;
  /** Renders that ask for nothing but the part of the page that is in no fragment: all of its fragments were hits. */
  warm: number;
  /** What these took, without what looking for fragments took. */
  rest: number;
  /** Renders that tell what all tags of the page are worth together. */
  uses: number;
  /** What the tags have saved in these, less what looking for them has taken. */
  saved: number;
  /** What waiting for the store has taken. */
  waited: number;
}

/** Most tags, and pages, that are told apart. A site has fewer; a page that is rendered from a string has a name of its own. */
const MAX = 10_000;
/** Most obstacles of a tag that are told apart. There are fewer reasons. */
const MAX_OBSTACLES = 50;
/** Most characters that are kept of what a report says. */
const MAX_DETAIL = 1_000;

/**
 * Reasons of uses that tell nothing of the tag: the site has switched caching off for them, or the store could not be asked. Counted
 * as uses, those of an hour's outage would outweigh what the tag saves in a day.
 */
const ASIDE: ReadonlySet<UncachedReason> = new Set(['when', 'disabled', 'unknown token', 'outage']);

/** Adds up reports. */
export class Tally {
  readonly #tags = new Map<string, TagTally>();
  readonly #pages = new Map<string, PageTally>();
  renders = 0;
  /** Fragments and renders that were left out because there were too many different ones. */
  leftOut = 0;
  /** Uses of tags that tell nothing of them. */
  aside = 0;

  get tags(): readonly TagTally[] {
    return [...this.#tags.values()];
  }

  get pages(): readonly PageTally[] {
    return [...this.#pages.values()];
  }

  add({ template, milliseconds, waited, fragments }: RenderReport): void {
    this.renders++;
    const page = this.#of(this.#pages, template, () => ({ template, warm: 0, rest: 0, uses: 0, saved: 0, waited: 0 }));
    const telling = fragments.filter(({ reason }) => reason === undefined || !ASIDE.has(reason));
    this.aside += fragments.length - telling.length;
    const shareOf = waitShares(fragments, waited);
    let saved = 0;
    for (const fragment of telling) {
      const looking = Math.max(0, fragment.lookup - shareOf(fragment));
      saved += (fragment.outcome === 'hit' ? fragment.cost : 0) - looking;
      this.#addFragment(fragment, looking);
    }
    if (page === undefined) return;
    if (fragments.length > 0 && telling.length === fragments.length) {
      page.uses++;
      page.saved += saved;
      page.waited += waited;
    }
    if (fragments.some(({ outcome }) => outcome !== 'hit')) return;
    page.warm++;
    // What was waited for the store is part of the time that was spent looking for fragments, if there are any.
    const looking = fragments.reduce((sum, { lookup }) => sum + lookup, 0);
    page.rest += Math.max(0, milliseconds - Math.max(waited, looking));
  }

  #addFragment({ template, line, outcome, reason, unseen, cost }: FragmentReport, looking: number): void {
    const tag = this.#of(
      this.#tags,
      `${template}:${line}`,
      (): TagTally => ({ template, line, uses: 0, hits: 0, obstacles: new Map(), saved: 0, looking: 0 }),
    );
    if (tag === undefined) return;
    tag.uses++;
    tag.looking += looking;
    if (outcome === 'hit') {
      tag.hits++;
      tag.saved += cost;
    } else if (reason !== undefined) addObstacle(tag, `not stored, ${reason}`, unseen);
    // A miss has such a text where its entry pushes another one out of memory.
    else if (unseen !== undefined) addObstacle(tag, 'stored in the place of another', unseen);
  }

  #of<T>(tallies: Map<string, T>, key: string, make: () => T): T | undefined {
    const known = tallies.get(key);
    if (known !== undefined) return known;
    if (tallies.size >= MAX) {
      this.leftOut++;
      return undefined;
    }
    const made = make();
    tallies.set(key, made);
    return made;
  }
}

function addObstacle({ obstacles }: TagTally, name: string, detail: string | undefined): void {
  const key = name.slice(0, MAX_DETAIL);
  const known = obstacles.get(key);
  if (known === undefined && obstacles.size >= MAX_OBSTACLES) return;
  const { uses, detail: last } = known ?? { uses: 0, detail: undefined };
  obstacles.set(key, { uses: uses + 1, detail: detail?.slice(0, MAX_DETAIL) ?? last });
}
