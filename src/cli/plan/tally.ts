import type { FragmentReport, RenderReport, UncachedReason } from '../../reporting/report.ts';

/** What the reports say of one tag. Milliseconds. */
export interface TagTally {
  readonly template: string;
  readonly line: number;
  hits: number;
  misses: number;
  /** How often it was rendered and not stored, by reason. */
  readonly uncached: Map<UncachedReason, number>;
  /** Why it could not be stored, as the last report says it. */
  unseen: string | undefined;
  /** What its body would have taken on the hits. */
  saved: number;
  /** What looking for it has taken. */
  looking: number;
}

/** What the reports say of the part of a page that is in no fragment, from renders whose fragments were all hits. */
export interface PageTally {
  readonly template: string;
  renders: number;
  /** Renders without anything to be rendered but what is in no fragment. */
  warm: number;
  /** Milliseconds of these, without what looking for fragments took. */
  rest: number;
}

/** Most tags, and pages, that are told apart. A site has fewer; a page that is rendered from a string has a name of its own. */
const MAX = 10_000;

/** Adds up reports. */
export class Tally {
  readonly #tags = new Map<string, TagTally>();
  readonly #pages = new Map<string, PageTally>();
  renders = 0;
  /** Fragments and renders that were left out because there were too many different ones. */
  leftOut = 0;

  get tags(): readonly TagTally[] {
    return [...this.#tags.values()];
  }

  get pages(): readonly PageTally[] {
    return [...this.#pages.values()];
  }

  add({ template, milliseconds, waited, fragments }: RenderReport): void {
    this.renders++;
    for (const fragment of fragments) this.#addFragment(fragment);
    const page = this.#of(this.#pages, template, () => ({ template, renders: 0, warm: 0, rest: 0 }));
    if (page === undefined) return;
    page.renders++;
    if (fragments.some(({ outcome }) => outcome !== 'hit')) return;
    page.warm++;
    // What was waited for the store is part of the time that was spent looking for fragments, if there are any.
    const looking = fragments.reduce((sum, { lookup }) => sum + lookup, 0);
    page.rest += Math.max(0, milliseconds - Math.max(waited, looking));
  }

  #addFragment({ template, line, outcome, reason, unseen, cost, lookup }: FragmentReport): void {
    const tag = this.#of(
      this.#tags,
      `${template}:${line}`,
      (): TagTally => ({
        template,
        line,
        hits: 0,
        misses: 0,
        uncached: new Map(),
        unseen: undefined,
        saved: 0,
        looking: 0,
      }),
    );
    if (tag === undefined) return;
    tag.looking += lookup;
    if (outcome === 'hit') {
      tag.hits++;
      tag.saved += cost;
    } else if (reason === undefined) tag.misses++;
    else tag.uncached.set(reason, (tag.uncached.get(reason) ?? 0) + 1);
    tag.unseen = unseen ?? tag.unseen;
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
