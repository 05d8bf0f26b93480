/** Html that was printed, with what was printed in it, in the order in which it was printed. */
export interface Printed<P> {
  readonly html: string;
  readonly inside: readonly P[];
}

/** Where html stands: from the first character to behind the last. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Each turn finds what stands between what was found before. */
const MAX_TURNS = 10;
/** Pieces of html that are looked for. */
const MAX_PIECES = 1_000;

/**
 * Finds printed html in a page. The render knows nothing of that, so it cannot change what is rendered or stored. Html counts
 * as found where it stands exactly as often as it was printed, between what was found before and after it. Other html may
 * have been transformed or left out by the template, or looks like text that is there anyway.
 */
export class ShownPlaces<P extends Printed<P>> {
  readonly spans = new Map<P, Span>();
  readonly #html: string;
  #left = MAX_PIECES;

  constructor(html: string, printed: readonly P[]) {
    this.#html = html;
    this.#find(printed, { from: 0, to: html.length });
  }

  #find(all: readonly P[], around: Span): void {
    const printed = all.filter(({ html }) => html.trim() !== '').slice(0, this.#left);
    this.#left -= printed.length;
    for (let turn = 0; turn < MAX_TURNS && this.#turn(printed, around); turn++);
    for (const one of printed) {
      const span = this.spans.get(one);
      if (span !== undefined && one.inside.length > 0) this.#find(one.inside, span);
    }
  }

  /** Returns whether something was found. */
  #turn(printed: readonly P[], around: Span): boolean {
    const taken = printed.flatMap((one) => this.spans.get(one) ?? []);
    const before = taken.length;
    for (const group of this.#groups(printed, around)) {
      const found = this.#occurrences(group, taken);
      if (found === undefined) continue;
      group.printed.forEach((one, i) => void this.spans.set(one, found[i] as Span));
      taken.push(...found);
    }
    return taken.length > before;
  }

  /** Returns what is to be found, the longest first: equal html between the same neighbours is one group. */
  #groups(printed: readonly P[], around: Span): readonly Group<P>[] {
    const groups = new Map<string, Group<P>>();
    let { from } = around;
    printed.forEach((one, i) => {
      const span = this.spans.get(one);
      if (span !== undefined) {
        from = span.to;
        return;
      }
      const next = printed.slice(i).find((other) => this.spans.has(other));
      const to = next === undefined ? around.to : (this.spans.get(next) as Span).from;
      const key = `${from} ${to} ${one.html}`;
      const group = groups.get(key) ?? { from, to, printed: [] };
      groups.set(key, group);
      group.printed.push(one);
    });
    return [...groups.values()].sort((a, b) => lengthOf(b) - lengthOf(a));
  }

  /** Returns where the html of a group stands; undefined unless that is as often as it was printed. */
  #occurrences({ from, to, printed }: Group<P>, taken: readonly Span[]): readonly Span[] | undefined {
    const [{ html } = { html: '' }] = printed;
    const found: Span[] = [];
    for (let at = this.#html.indexOf(html, from); at !== -1 && at + html.length <= to; ) {
      const span = { from: at, to: at + html.length };
      const other = taken.find((one) => one.from < span.to && span.from < one.to);
      if (other === undefined) {
        found.push(span);
        if (found.length > printed.length) return undefined;
      }
      at = this.#html.indexOf(html, other?.to ?? span.to);
    }
    return found.length === printed.length ? found : undefined;
  }
}

interface Group<P> extends Span {
  readonly printed: P[];
}

function lengthOf({ printed }: Group<Printed<unknown>>): number {
  return printed[0]?.html.length ?? 0;
}
