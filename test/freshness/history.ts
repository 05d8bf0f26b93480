/**
 * What happened, and whether it may have: one judge for chosen interleavings and for real processes.
 *
 * Each body prints who made it and the versions of the rows it shows, so that a page says by itself from what, and in which
 * render, each of its fragments was made.
 */

/** A point in the order of all events, and the time on the clock then, in milliseconds. */
export interface Moment {
  readonly at: number;
  readonly time: number;
}

/** A fragment as a page shows it: the render whose body made it, its rows with their versions, the fragments inside. */
export type Shown = readonly [
  maker: string,
  rows: readonly (readonly [row: string, version: number, exact?: 'exact'])[],
  inside: readonly Shown[],
];

/** Rows were written, then bumped. */
export interface Bump {
  readonly process: string;
  /** The version that each row had when the bump began: what is shown after it must be as new. */
  readonly rows: ReadonlyMap<string, number>;
  readonly began: Moment;
  /** When its first token was in the store; not before it began. */
  written?: Moment;
  /** When its last token was there: `written` tells by the clock when it was made. */
  carriedOut?: Moment;
  acknowledged?: Moment;
  rejected?: Moment;
}

export interface Rendered {
  readonly id: string;
  readonly process: string;
  readonly began: Moment;
  /** When its request began, if it was told. */
  readonly since?: number;
  /** What it read itself, and when. */
  readonly reads: Map<string, { readonly version: number; readonly when: Moment }>;
  /** When it read its last token; not after it ended. */
  knew?: Moment;
  /** Whether it asked for tokens in vain. */
  hasAskedInVain?: boolean;
  ended?: Moment;
  page?: readonly Shown[];
}

/** A token was written to the store. */
export interface Minted {
  readonly name: string;
  /** In the order of events its writing, on the clock of its maker its making. */
  readonly when: Moment;
}

export interface Rules {
  /** Milliseconds, as the option. */
  readonly maxDataAge: number;
  /** By how many milliseconds the clock of a process is wrong: below 0 if it is slow. Default: all are right. */
  readonly clocks?: Readonly<Record<string, number>>;
  /** Milliseconds, as the option; 0 for off. */
  readonly outage?: number;
}

/** Milliseconds for which a late entry lives longer with a store, whose clients have clocks of their own. */
export const CLOCK_SKEW = 1_000;

/** Why a row was shown in the version it was: `late` and `slow` are promise 2, `outage` is the option. */
export type Excuse = 'fresh' | 'own' | 'late' | 'slow' | 'outage';

export interface Judgement {
  readonly violations: readonly string[];
  readonly counts: Readonly<Record<Excuse, number>>;
}

export class History {
  readonly bumps: Bump[] = [];
  readonly renders: Map<string, Rendered> = new Map();
  readonly minted: Minted[] = [];

  judge(rules: Rules): Judgement {
    return new Judge(this, rules).judge();
  }
}

class Judge {
  readonly #rules: Rules;
  readonly #history: History;
  readonly #bumps = new Map<string, Bump[]>();
  readonly #minted = new Map<string, Moment[]>();
  readonly #violations: string[] = [];
  readonly #counts = { fresh: 0, own: 0, late: 0, slow: 0, outage: 0 };

  constructor(history: History, rules: Rules) {
    this.#history = history;
    this.#rules = rules;
    for (const bump of history.bumps) for (const row of bump.rows.keys()) push(this.#bumps, row, bump);
    for (const { name, when } of history.minted) push(this.#minted, name, when);
    for (const moments of this.#minted.values()) moments.sort((a, b) => a.at - b.at);
    for (const bumps of this.#bumps.values()) bumps.sort((a, b) => writtenAt(a) - writtenAt(b));
  }

  judge(): Judgement {
    for (const render of this.#history.renders.values()) {
      for (const shown of render.page ?? []) this.#fragment(render, shown, []);
    }
    return { violations: this.#violations, counts: this.#counts };
  }

  #fragment(render: Rendered, shown: Shown, around: readonly Shown[]): void {
    const chain = [...around, shown];
    const [maker, rows, inside] = shown;
    for (const [row, version, exact] of rows) {
      const verdict = this.#row(render, chain, maker, row, version, exact !== undefined);
      if (verdict in this.#counts) this.#counts[verdict as Excuse]++;
      else this.#violations.push(`${render.id} shows ${row} v${version}, made by ${maker}: ${verdict}`);
    }
    for (const inner of inside) this.#fragment(render, inner, chain);
  }

  #row(
    render: Rendered,
    chain: readonly Shown[],
    maker: string,
    row: string,
    version: number,
    exact: boolean,
  ): Excuse | string {
    const read = render.reads.get(row);
    // With `using` the version is part of the key.
    if (exact && read?.version !== version) return `using: it read v${read?.version} itself`;
    if (maker === render.id && read?.version !== version) return `it read v${read?.version} itself`;
    const broken = (this.#bumps.get(row) ?? []).filter(
      (bump) => (bump.rows.get(row) as number) > version && isHeard(bump, render),
    );
    const last = broken.at(-1);
    if (last === undefined) return 'fresh';
    if (maker === render.id) return 'own';
    const verdict = this.#old(render, chain, maker, row, last);
    return !(verdict in this.#counts) && this.#isOutage(render, broken) ? 'outage' : verdict;
  }

  /** By whom a render could not be told, and not for longer than the option says. Its own process always tells it. */
  #isOutage({ process, began, hasAskedInVain }: Rendered, broken: readonly Bump[]): boolean {
    const { outage = 0 } = this.#rules;
    const isUntold = (bump: Bump) =>
      bump.process !== process && began.time <= (bump.carriedOut ?? bump.began).time + outage;
    return outage > 0 && hasAskedInVain === true && broken.every(isUntold);
  }

  #old(render: Rendered, chain: readonly Shown[], maker: string, row: string, last: Bump): Excuse | string {
    const made = this.#history.renders.get(maker);
    if (made?.ended === undefined) return 'its maker never finished';
    // Who had read its tokens by then cannot have known the new one.
    if (knewAt(made) < writtenAt(last)) return `v${last.rows.get(row)} was bumped after it was made`;
    if (this.#isSlow(made, row)) return 'slow';
    const until = this.#until(render, chain);
    return render.began.time <= until ? 'late' : `${render.began.time - until} ms beyond promise 2`;
  }

  /** Its data was older than promise 2 asks, and nobody said so. */
  #isSlow(made: Rendered, row: string): boolean {
    const read = made.reads.get(row);
    return read !== undefined && made.since === undefined && made.began.time - read.when.time > this.#rules.maxDataAge;
  }

  /** Until when promise 2 lets the entries live that a row came in, one in the other: the first that ends ends it. */
  #until(render: Rendered, chain: readonly Shown[]): number {
    const { maxDataAge, clocks = {} } = this.#rules;
    let until = Number.POSITIVE_INFINITY;
    const makers = new Set([render.id]);
    for (const shown of chain) {
      const [maker] = shown;
      // What one render made inside its own fragment is that fragment's.
      if (makers.has(maker)) continue;
      makers.add(maker);
      const made = this.#history.renders.get(maker);
      const knew = made === undefined ? 0 : knewAt(made);
      let last = 0;
      for (const name of namesOf(shown)) {
        const minted = this.#minted.get(name)?.filter(({ at }) => at < knew);
        for (const { time } of minted ?? []) last = Math.max(last, time);
      }
      until = Math.min(until, last + maxDataAge + CLOCK_SKEW);
    }
    // Tokens and entries carry times of their makers' clocks. Whoever serves compares them with its own.
    return until - (clocks[render.process] ?? 0);
  }
}

function writtenAt({ began, written = began }: Bump): number {
  return written.at;
}

function knewAt({ began, ended = began, knew = ended }: Rendered): number {
  return knew.at;
}

/** Whether a render must know of a bump: it was acknowledged before, or lost in the same process. */
function isHeard({ process, acknowledged, rejected }: Bump, render: Rendered): boolean {
  if (acknowledged !== undefined && acknowledged.at < render.began.at) return true;
  return rejected !== undefined && process === render.process && rejected.at < render.began.at;
}

/** The names that a fragment depends on: those of all rows it shows. */
function namesOf([, rows, inside]: Shown): Set<string> {
  const names = new Set(['*']);
  for (const [row] of rows) {
    const [type, id] = row.split(':');
    names.add(`${type}`).add(`${type}:=${id}`);
  }
  for (const inner of inside) for (const name of namesOf(inner)) names.add(name);
  return names;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
