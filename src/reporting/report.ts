import type { Bumped, MissCause } from './cause.ts';

/**
 * Why a fragment was rendered without being stored; docs/reference.md explains each reason. Two are of hits: `stale`, served
 * after its ttl while another page made it anew, and `outage`, served although the store could not be asked.
 */
export type UncachedReason =
  | 'disabled'
  | 'when'
  | 'no models'
  | 'contains uncached'
  | 'pending'
  | 'too many dependencies'
  | 'too large'
  | 'expired'
  | 'private name'
  | 'credentials'
  | 'unseen'
  | 'reads too much'
  | 'changes always'
  | 'hole lost'
  | 'unknown template'
  | 'unknown token'
  | 'outage'
  | 'stale'
  | 'bumped meanwhile'
  | 'failed request';

/** One fragment of one render. */
export interface FragmentReport {
  /** Name of the template that contains the tag. */
  readonly template: string;
  readonly line: number;
  /**
   * `hit`: served from the cache. `miss`: rendered and stored. `uncached`: rendered, and not stored for the reason
   * given.
   */
  readonly outcome: 'hit' | 'miss' | 'uncached';
  /**
   * Why it was not stored. Of a hit: `stale` if it was served after its ttl while another page made it anew, `outage` if
   * it was served although the store could not be asked.
   */
  readonly reason?: UncachedReason | undefined;
  /**
   * Paths of the page that its body reads and by which it is compared: `lang`, `rows[*].title`. Empty if it is not
   * cached.
   */
  readonly reads: readonly string[];
  /**
   * For the reasons `unseen`, `reads too much` and `changes always`: what could not be compared, where, and what to do.
   * For a miss: that memory has no room for one more variant, and what to do.
   */
  readonly unseen?: string | undefined;
  /** Of a miss, with the option `causes`: why there was no entry to serve. */
  readonly cause?: MissCause | undefined;
  /** Milliseconds that rendering the body took; for a hit, when it was stored. */
  readonly cost: number;
  /**
   * Milliseconds spent looking for it, including its share of waiting for the store. Measured in one render of 16; in
   * the others it is the tag's average.
   */
  readonly lookup: number;
  /** Milliseconds that caching saved on this page: for a hit, `cost` less `lookup`; otherwise 0 less `lookup`. */
  readonly netBenefit: number;
}

/** A fragment's report while the page is rendered; {@link Stats} completes it. */
export type FragmentDraft = { -readonly [K in keyof FragmentReport]: FragmentReport[K] };

/** A render's report whose fragments are not yet complete. */
export type UnfinishedReport = RenderReport & { readonly fragments: readonly FragmentDraft[] };

/** Names that were bumped, by the report of the fragment or view that missed because of them. */
export type BumpedNames = ReadonlyMap<{ cause?: MissCause | undefined }, readonly Bumped[]>;

/** Report of one render. */
export interface RenderReport {
  readonly template: string;
  /** How often the template ran; 1 unless it had to wait for something. */
  readonly passes: number;
  /** Round trips between the passes, to the store or for lazies. */
  readonly roundTrips: number;
  /**
   * When the html was made, in milliseconds since 1970. With the option `causes` and a store, the report may come up to a second
   * later, and behind those of later pages.
   */
  readonly time: number;
  /** Milliseconds from the call to the html. */
  readonly milliseconds: number;
  /** Milliseconds spent waiting for the store. */
  readonly waited: number;
  /** Fragments in the order in which they were finished, inner ones first. */
  readonly fragments: readonly FragmentReport[];
}
