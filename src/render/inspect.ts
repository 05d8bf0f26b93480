import type { Entry } from '../cache/entry.ts';
import type { Identity } from '../model/identity.ts';
import type { Scope } from '../reads/world.ts';
import type { MissCause } from '../reporting/cause.ts';
import type { FragmentDraft, RenderReport } from '../reporting/report.ts';
import type { Operands } from './place.ts';

/** Looks on while the pages of one request are rendered, for the panel. It changes nothing that is stored. */
export interface Inspector {
  /** Which part of the cache these pages do without: nothing, whole views, or fragments as well. */
  readonly without: 'nothing' | 'views' | 'cache';
  /** A render begins. Returns what looks on at it; undefined if that is no longer wanted. */
  begin(): Inspection | undefined;
  /**
   * A request for a whole view begins. Returns what is told its outcome; undefined if that is not wanted.
   *
   * @param incoming Node's request
   */
  beginView(incoming: object): ((view: InspectedView) => void) | undefined;
}

/** What became of a request for a whole view. */
export interface InspectedView {
  /** Who has invalidated it is added later, if the store has to be asked. */
  readonly report: {
    /** Path and query for which the view was looked for. */
    readonly target: string;
    readonly outcome: 'hit' | 'miss' | 'skip';
    readonly reason?: string;
    readonly detail?: string;
    readonly cause?: MissCause;
  };
  /** Milliseconds that making the view took, and looking for it. Undefined where the cache took no part. */
  readonly cost: number | undefined;
  readonly lookup: number | undefined;
  /** Undefined where nothing was looked for. */
  readonly from: ViewServedFrom | undefined;
}

/** How a whole view was looked up, and its entry. */
export interface ViewServedFrom {
  /** What was served or made; undefined if nothing is kept. */
  readonly entry: Entry | undefined;
  /** What the view depends on in any case: its own names and the models of its options. */
  readonly identities: readonly Identity[];
  readonly models: readonly Identity[];
  /** Canonical texts of its address, and of what the option `vary` returned. */
  readonly keys: string;
  readonly vary: string;
  /** What was read of the request, and what was found there. */
  readonly reads: readonly (readonly [name: string, value: string])[];
}

/** Looks on while one page is rendered. */
export interface Inspection {
  /** A pass begins. What was told of the pass before does not count. */
  pass(): void;
  /** Runs one use of a fragment tag, and may look at its html. */
  use(show: () => string): string;
  /**
   * The innermost use that runs has its html.
   *
   * @param from the entry, and how it was looked up; undefined where there is none
   */
  fragment(report: FragmentDraft, from: ServedFrom | undefined): void;
  /** A hole was left open: in the html of uses that are to be kept, a mark stands for what it shows. */
  hole(mark: string, text: string): void;
  /** The page was delivered. */
  end(report: RenderReport): void;
}

/** The entry that one use of a tag shows, and how it was looked up. */
export interface ServedFrom {
  readonly entry: Entry;
  readonly operands: Operands;
  /** The parts of its key: the models, and canonical texts of the tag's keys and of the attributes named by `using`. */
  readonly key: { readonly models: readonly Identity[]; readonly keys: string; readonly using: string };
  /** The values that are visible at the tag now. */
  readonly scope: Scope;
}
