import { CAPTURED, type Flow, type Flows, isName, NAMELESS, PARAMETERS, RETURNED } from './flows.ts';

/** Ways between names in all templates of an environment; more than that and it is generated text, not templates. */
const MAX_WAYS = 50_000;

/** From a name to others. */
class Ways {
  readonly #ways = new Map<string, Set<string>>();
  size = 0;

  from(name: string): Iterable<string> {
    return this.#ways.get(name) ?? [];
  }

  add(from: string, to: string): void {
    let ends = this.#ways.get(from);
    if (ends === undefined) {
      ends = new Set();
      this.#ways.set(from, ends);
    }
    const { size } = ends;
    this.size += ends.add(to).size - size;
  }
}

/**
 * The names under which html that was captured from a fragment may be known in the templates run so far. Values are
 * followed by name from where they come from, through all these templates: an include sees what is around it, and what is
 * passed to a macro is known under its parameter's name.
 */
export class CapturedNames {
  readonly #moves = new Ways();
  /** The same, the other way. */
  readonly #origins = new Ways();
  readonly #keeps = new Ways();
  readonly #imports = new Set<string>();
  /** Some ways were not kept: any name may be one of them. */
  #isFull = false;
  /** What is reached; undefined when it has to be found again. */
  #captured: ReadonlySet<string> | undefined;
  #returned: ReadonlySet<string> | undefined;

  add({ moves, keeps, imports }: Flows): void {
    const before = this.#size;
    for (const flow of moves) {
      this.#addAll(this.#moves, flow);
      this.#addAll(this.#origins, { from: flow.to, to: flow.from });
    }
    for (const flow of keeps) this.#addAll(this.#keeps, flow);
    for (const name of imports) {
      if (this.#imports.size < MAX_WAYS) this.#imports.add(name);
      else this.#isFull = true;
    }
    if (this.#size === before) return;
    this.#captured = undefined;
    this.#returned = undefined;
  }

  get #size(): number {
    return this.#moves.size + this.#keeps.size;
  }

  #addAll(ways: Ways, { from, to }: Flow): void {
    for (const start of from) {
      for (const end of to) {
        if (ways.size < MAX_WAYS) ways.add(start, end);
        else this.#isFull = true;
      }
    }
  }

  /** Whether a name is known for an import: what it exports beside macros may be captured. */
  isImport(name: string): boolean {
    return this.#isFull || this.#imports.has(name);
  }

  /** @param hasForeignHtml a component or a lazy rendered something that a variable may hold */
  has(name: string, hasForeignHtml: boolean): boolean {
    if (this.#isFull) return true;
    const reached = hasForeignHtml ? this.#withReturned() : this.#withCaptured();
    return reached.has(name) || reached.has(NAMELESS);
  }

  #withCaptured(): ReadonlySet<string> {
    this.#captured ??= this.#reached([CAPTURED]);
    return this.#captured;
  }

  #withReturned(): ReadonlySet<string> {
    this.#returned ??= this.#reached([CAPTURED, RETURNED]);
    return this.#returned;
  }

  #reached(sources: readonly string[]): ReadonlySet<string> {
    const reached = new Set(sources);
    const kept = new Set<string>();
    // Sets are walked in the order of what is added, and what is added meanwhile is walked as well.
    for (const name of reached) {
      for (const next of this.#moves.from(name)) reached.add(next);
      for (const object of this.#keeps.from(name)) this.#keep(object, kept);
      for (const object of kept) reached.add(object);
    }
    return reached;
  }

  /** An object that keeps something: what its name was given keeps it as well, under the names it came from. */
  #keep(object: string, kept: Set<string>): void {
    const objects = new Set([object]);
    for (const name of objects) {
      kept.add(name);
      for (const origin of this.#origins.from(name)) if (origin === PARAMETERS || isName(origin)) objects.add(origin);
    }
  }
}
