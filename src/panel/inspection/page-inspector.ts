import type { Entry } from '../../cache/entry.ts';
import type { InspectedView, Inspection, Inspector, ServedFrom } from '../../render/inspect.ts';
import type { FragmentDraft, RenderReport } from '../../reporting/report.ts';
import { type FragmentUse, holesOf, keptOf } from './fragment-use.ts';
import { ViewUse } from './view-use.ts';

/** Renders of one request of which something is kept: a page, its lazies, its holes. */
const MAX_RENDERS = 100;
/** Uses of tags in one pass of which more than their report is kept. */
const MAX_USES = 1_000;

/** Looks on at all that is rendered for one request. */
export class PageInspector implements Inspector {
  #without: Inspector['without'] = 'nothing';
  #renders: RenderInspection[] = [];
  /** Undefined while it does not look on. */
  #incoming: object | undefined;
  #view: ViewUse | undefined;

  get without(): Inspector['without'] {
    return this.#without;
  }

  /** From here on it looks on at a request. */
  start(incoming: object, without: Inspector['without']): void {
    this.#without = without;
    this.#incoming = incoming;
  }

  begin(): Inspection | undefined {
    if (this.#incoming === undefined || this.#renders.length >= MAX_RENDERS) return undefined;
    const render = new RenderInspection();
    this.#renders.push(render);
    return render;
  }

  beginView(incoming: object): ((view: InspectedView) => void) | undefined {
    // A handler may ask its own site for something else.
    if (incoming !== this.#incoming) return undefined;
    const view = new ViewUse();
    this.#view = view;
    return (told) => view.tell(told);
  }

  /** The whole view that the page is; undefined if it is none. */
  get view(): ViewUse | undefined {
    return this.#view;
  }

  /**
   * Releases what it has seen, and looks on at nothing more. A timer or connection that the request has started keeps it alive through the
   * asynchronous context: it must not keep all the html, and values of the visitor, alive with it, and what others render there must use the cache.
   */
  forget(): void {
    this.#incoming = undefined;
    this.#view = undefined;
    this.#without = 'nothing';
    for (const render of this.#renders) render.pass();
    this.#renders = [];
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

/** How a mark of an open hole begins: `OpenHoles.open`. */
const HOLE = /\n<aA[\w-]{24}&"'\d+>/g;
/** Holes in what a hole shows. */
const MAX_DEPTH = 50;

class RenderInspection implements Inspection {
  report: RenderReport | undefined;
  uses: FragmentUse[] = [];
  /** Those of which something is kept, inner ones first. */
  #all: FragmentUse[] = [];
  #entries = new Map<FragmentUse, Entry>();
  #holes = new Map<string, string>();
  /** The innermost use that runs. */
  #running: FragmentUse | undefined;

  pass(): void {
    this.uses = [];
    this.#all = [];
    this.#entries = new Map();
    this.#holes = new Map();
    this.#running = undefined;
  }

  use(show: () => string): string {
    const around = this.#running;
    const use: FragmentUse = { html: '', inside: [], report: undefined, kept: undefined };
    if (this.#all.length < MAX_USES) {
      (around?.inside ?? this.uses).push(use);
      this.#all.push(use);
    }
    this.#running = use;
    try {
      use.html = show();
    } finally {
      this.#running = around;
    }
    return use.html;
  }

  fragment(report: FragmentDraft, from: ServedFrom | undefined): void {
    const use = this.#running;
    if (use === undefined) return;
    use.report = report;
    use.kept = from && { ...keptOf(from, report.outcome === 'miss'), holes: [] };
    if (from === undefined) this.#entries.delete(use);
    else this.#entries.set(use, from.entry);
  }

  hole(mark: string, text: string): void {
    this.#holes.set(mark, text);
  }

  end(report: RenderReport): void {
    this.report = report;
    for (const use of this.#all) {
      use.html = this.#filled(use.html);
      const entry = this.#entries.get(use);
      if (entry !== undefined && use.kept !== undefined) use.kept = { ...use.kept, holes: holesOf(entry, use.html) };
    }
    this.#entries.clear();
    this.#holes.clear();
  }

  /** Returns html with what its holes show at the place of their marks. */
  #filled(html: string, depth = 0): string {
    if (this.#holes.size === 0 || depth > MAX_DEPTH) return html;
    return html.replace(HOLE, (mark) => {
      const text = this.#holes.get(mark);
      return text === undefined ? mark : this.#filled(text, depth + 1);
    });
  }
}
