/** Why a fragment was rendered without being stored. */
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
  | 'unseen'
  | 'reads too much'
  | 'changes always'
  | 'unknown template'
  | 'unknown token'
  | 'bumped meanwhile';

/** One fragment of one render. */
export interface FragmentReport {
  /** Name of the template that contains the tag. */
  readonly template: string;
  readonly line: number;
  /** `uncached`: rendered, and not stored for the reason given. */
  readonly outcome: 'hit' | 'miss' | 'uncached';
  readonly reason?: UncachedReason | undefined;
  /** What its body read of the page, and is compared by: `lang`, `rows[*].title`. Empty where it is not cached. */
  readonly reads: readonly string[];
  /** What could not be compared, where, and what to do: of the reasons `unseen`, `reads too much`, `changes always`. */
  readonly unseen?: string | undefined;
  /** Milliseconds: what rendering the body took; on a hit, what it took when it was stored. */
  readonly cost: number;
  /**
   * Milliseconds spent looking for it, its share of the waiting for the store included. Timed in one render of 16; in the
   * others it is what its tag took on average.
   */
  readonly lookup: number;
  /** Milliseconds that caching it saved this page: the cost of a body that was not rendered, less the lookup. */
  readonly netBenefit: number;
}

/** A report that is being made: {@link Stats} completes it. */
export type FragmentDraft = { -readonly [K in keyof FragmentReport]: FragmentReport[K] };

/** What one render did, its fragments still to be completed. */
export type UnfinishedReport = RenderReport & { readonly fragments: readonly FragmentDraft[] };

/** What one render did. */
export interface RenderReport {
  readonly template: string;
  /** How often the template was run; 1 unless something had to be waited for. */
  readonly passes: number;
  /** Batches of waiting between the passes. */
  readonly roundTrips: number;
  /** From the call to the html, in milliseconds. */
  readonly milliseconds: number;
  /** Milliseconds of waiting for the store. */
  readonly waited: number;
  /** In the order in which they were finished, inner ones first. */
  readonly fragments: readonly FragmentReport[];
}
