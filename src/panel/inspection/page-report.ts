import { randomBytes } from 'node:crypto';
import type { Identity } from '../../model/identity.ts';
import { describeCause } from '../../reporting/cause.ts';
import type { FragmentReport, RenderReport } from '../../reporting/report.ts';
import { type FragmentUse, type Kept, modelNames } from './fragment-use.ts';
import type { PageInspector } from './page-inspector.ts';
import type { ShownView, ViewUse } from './view-use.ts';

/** One use of a tag, as the panel shows it. */
export interface ShownFragment
  extends Pick<
    FragmentReport,
    'template' | 'line' | 'outcome' | 'reason' | 'unseen' | 'cost' | 'lookup' | 'netBenefit'
  > {
  readonly number: number;
  /** How many fragments it is inside of. */
  readonly depth: number;
  /** Why it was not found. */
  readonly cause: string | undefined;
  readonly kept: (Omit<Kept, 'models'> & { readonly models: readonly string[] }) | undefined;
}

/** What a request has rendered. */
export interface PageFigures {
  readonly hit: number;
  readonly miss: number;
  readonly uncached: number;
  readonly roundTrips: number;
  /** From the request to its answer. */
  readonly milliseconds: number;
  /** Milliseconds that the hits would have taken. */
  readonly saved: number;
}

/** What is known of one page that was sent. */
export class PageReport {
  /** Not to be guessed: it is all that a page needs to ask for its report. */
  readonly id: string = randomBytes(16).toString('hex');
  readonly target: string;
  /** When it was asked for, in milliseconds since 1970. */
  readonly time: number;
  readonly status: number;
  readonly without: PageInspector['without'];
  readonly figures: PageFigures;
  /** Why the strip is not on the page; undefined if it is. */
  readonly stripRefused: string | undefined;
  /** Characters of its JSON when the page was sent. */
  readonly size: number;
  readonly #marks: { readonly secret: string; readonly marked: readonly number[] } | undefined;
  readonly #uses: readonly NumberedUse[];
  readonly #view: ViewUse | undefined;

  constructor(
    { reports, without, view }: PageInspector,
    uses: readonly NumberedUse[],
    about: Pick<PageReport, 'target' | 'time' | 'status' | 'stripRefused'> & {
      readonly milliseconds: number;
      readonly marks: { readonly secret: string; readonly marked: readonly number[] } | undefined;
    },
  ) {
    this.target = about.target;
    this.time = about.time;
    this.status = about.status;
    this.without = without;
    this.#view = view;
    this.figures = figuresOf(reports, this.view, about.milliseconds);
    this.stripRefused = about.stripRefused;
    this.#marks = about.marks;
    this.#uses = uses.map((one) => ({ ...one, html: '', inside: [], use: { ...one.use, html: '', inside: [] } }));
    this.size = this.asJson().length;
  }

  /** The models of a fragment that has an entry, or of the whole view; undefined if there is no such one. */
  modelsOf(number: number | 'view'): readonly Identity[] | undefined {
    return number === 'view' ? this.#view?.models : this.#uses[number]?.use.kept?.models;
  }

  /** The path of the whole view, to expire it; undefined if there is none to be found. */
  get viewPath(): string | undefined {
    return this.#view?.path;
  }

  /** What became of the request for a whole view; undefined if the page is none. With a miss, that may be known only later. */
  get view(): ShownView | undefined {
    return this.#view?.shown(this.time);
  }

  /** The fragments in the order of their numbers. With a store, the cause of a miss may be known only after the page was sent. */
  get fragments(): readonly ShownFragment[] {
    return this.#uses.flatMap((use) => shown(use, this.time));
  }

  /** Whether more will be known: what became of a view that is being stored, and who has invalidated a fragment, which the store tells. */
  get isIncomplete(): boolean {
    const lacksCause = ({ use: { report } }: NumberedUse) =>
      report?.cause?.why === 'bumped' && report.cause.bump === undefined;
    return this.#view?.isIncomplete === true || this.#uses.some(lacksCause);
  }

  /** Returns the report as JSON, for the script of the strip. */
  asJson(): string {
    const { target, time, view, without, figures, fragments } = this;
    return JSON.stringify({ target, time, view, without, figures, fragments, marks: this.#marks });
  }
}

/** A use of a tag with its number on the page: they are counted as they are printed, outer ones first. */
export interface NumberedUse {
  readonly number: number;
  readonly depth: number;
  readonly use: FragmentUse;
  readonly html: string;
  readonly inside: readonly NumberedUse[];
}

/** Returns the uses of a page as a tree, and all of them in the order of their numbers. */
export function numbered(uses: readonly FragmentUse[]): {
  readonly tree: readonly NumberedUse[];
  readonly all: readonly NumberedUse[];
} {
  const all: NumberedUse[] = [];
  const number = (some: readonly FragmentUse[], depth: number): NumberedUse[] =>
    some.map((use) => {
      const inside: NumberedUse[] = [];
      const one: NumberedUse = { number: all.length, depth, use, html: use.html, inside };
      all.push(one);
      inside.push(...number(use.inside, depth + 1));
      return one;
    });
  return { tree: number(uses, 0), all };
}

function figuresOf(reports: readonly RenderReport[], view: ShownView | undefined, milliseconds: number): PageFigures {
  const fragments = reports.flatMap((report) => report.fragments);
  const count = (outcome: FragmentReport['outcome']) => fragments.filter((one) => one.outcome === outcome).length;
  return {
    hit: count('hit'),
    miss: count('miss'),
    uncached: count('uncached'),
    roundTrips: reports.reduce((sum, { roundTrips }) => sum + roundTrips, 0),
    milliseconds,
    saved: [...fragments, ...(view === undefined ? [] : [view])].reduce(
      (sum, { outcome, cost }) => sum + (outcome === 'hit' ? (cost ?? 0) : 0),
      0,
    ),
  };
}

/** @param now when the page was asked for */
function shown({ number, depth, use: { report, kept } }: NumberedUse, now: number): readonly ShownFragment[] {
  if (report === undefined) return [];
  const { template, line, outcome, reason, unseen, cost, lookup, netBenefit } = report;
  return [
    {
      number,
      depth,
      template,
      line,
      outcome,
      reason,
      unseen,
      cost,
      lookup,
      netBenefit,
      cause: report.cause && describeCause(report.cause, now),
      kept: kept && { ...kept, models: modelNames(kept) },
    },
  ];
}
