import type { Inspection, Inspector, ServedFrom } from '../../render/inspect.ts';
import type { FragmentDraft, RenderReport } from '../../reporting/report.ts';
import { type FragmentUse, holesOf, keptOf } from './fragment-use.ts';

/** Renders of one request of which something is kept: a page, its lazies, its holes. */
const MAX_RENDERS = 100;
/** Uses of tags in one pass of which something is kept. */
const MAX_USES = 1_000;

/** Looks on at all that is rendered for one request. */
export class PageInspector implements Inspector {
  readonly without: Inspector['without'];
  readonly #renders: RenderInspection[] = [];

  constructor(without: Inspector['without']) {
    this.without = without;
  }

  begin(): Inspection {
    const render = new RenderInspection();
    if (this.#renders.length < MAX_RENDERS) this.#renders.push(render);
    return render;
  }

  /** Reports of what was rendered so far. */
  get reports(): readonly RenderReport[] {
    return this.#renders.flatMap(({ report }) => report ?? []);
  }

  /** The uses of tags in what was rendered so far. */
  get uses(): readonly FragmentUse[] {
    return this.#renders.flatMap(({ report, uses }) => (report === undefined ? [] : uses));
  }
}

class RenderInspection implements Inspection {
  report: RenderReport | undefined;
  uses: FragmentUse[] = [];
  #count = 0;
  /** The innermost use that runs. */
  #running: Running | undefined;

  pass(): void {
    this.uses = [];
    this.#count = 0;
    this.#running = undefined;
  }

  use(show: () => string): string {
    const around = this.#running;
    const use: FragmentUse = { html: '', inside: [], report: undefined, kept: undefined };
    this.#count += 1;
    if (this.#count <= MAX_USES) (around?.use.inside ?? this.uses).push(use);
    const running: Running = { use, from: undefined };
    this.#running = running;
    try {
      use.html = show();
    } finally {
      this.#running = around;
    }
    const { from } = running;
    if (from !== undefined && use.kept !== undefined) use.kept = { ...use.kept, holes: holesOf(from.entry, use.html) };
    return use.html;
  }

  fragment(report: FragmentDraft, from: ServedFrom | undefined): void {
    const running = this.#running;
    if (running === undefined) return;
    running.from = from;
    running.use.report = report;
    running.use.kept = from && this.#count <= MAX_USES ? { ...keptOf(from), holes: [] } : undefined;
  }

  end(report: RenderReport): void {
    this.report = report;
  }
}

interface Running {
  readonly use: FragmentUse;
  from: ServedFrom | undefined;
}
