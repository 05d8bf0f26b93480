import type { Identifier, Identity } from '../model/identity.ts';
import { bumpedNames, EVERYTHING } from '../model/names.ts';
import { isPartialRow, isUnknown, noteWhatAsks, partialRow } from '../model/partial-row.ts';
import { badOption } from '../util/check-option.ts';
import { isPlain } from '../util/plain.ts';

/** Limit of models that one invalidation may reach through `touches`. More means that it makes ever new models. */
const MAX_TOUCHED = 100_000;

/** Limit of times that `touches` is asked again of one row. */
const MAX_WAYS = 100;

/** `touches` of a partial row returned something unknown, which may mean any model. */
const ANYTHING: unique symbol = Symbol('anything');

type Touched = typeof ANYTHING | { readonly model: unknown; readonly identity: Identity };
interface At {
  readonly model: unknown;
  readonly identity: Identity;
  readonly previous: object | undefined;
  readonly isTouched: boolean;
}
type Touches = (model: unknown, previous?: unknown) => unknown;

/** Collects the names that changes of models bump, including those of models they touch. */
export class BumpedNames {
  readonly names: Set<string> = new Set();
  readonly #identifier: Identifier;
  readonly #seen = new Set<string>();
  #touchedModels = 0;

  constructor(identifier: Identifier) {
    this.#identifier = identifier;
  }

  /**
   * @param previous the row before the change, if known, for `touches`
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT, CACHESWEEPER_BAD_OPTION
   */
  add(model: unknown, identity: Identity, previous?: object): void {
    this.#addAll([{ model: asLoaded(model), identity, previous: asLoaded(previous), isTouched: false }]);
  }

  #addAll(queue: At[]): void {
    // Touched models are appended while the loop runs.
    for (const at of queue) {
      const bumped = bumpedNames(at.identity);
      const [own] = bumped;
      for (const name of bumped) this.names.add(name);
      // Only skip touched models that were seen. A given model always runs `touches`: it may be another state of the
      // same row, or the first one with more than a type and an id.
      if (at.isTouched && this.#seen.has(own)) continue;
      this.#seen.add(own);
      if (at.isTouched && ++this.#touchedModels > MAX_TOUCHED) throw tooMany();
      for (const touched of this.#touched(at)) {
        if (touched === ANYTHING) this.names.add(EVERYTHING);
        else queue.push({ ...touched, previous: undefined, isTouched: true });
      }
    }
  }

  /**
   * Adds a type as a whole, and what its changed rows touch.
   *
   * @param rows the rows that were changed; partial ones where nobody knows which
   */
  addType(type: string, rows: readonly { readonly now: object; readonly previous?: object | undefined }[]): void {
    const identity: Identity = { type, id: undefined };
    this.add(undefined, identity);
    for (const { now, previous } of rows) {
      const states = [now, ...(previous === undefined ? [] : [previous])];
      for (const model of states) {
        for (const touched of this.#asked(asLoaded(model), type, asLoaded(previous))) {
          if (touched === ANYTHING) this.names.add(EVERYTHING);
          else this.#addAll([{ ...touched, previous: undefined, isTouched: true }]);
        }
      }
    }
  }

  #touched({ model, identity: { type, id }, previous }: At): readonly Touched[] {
    // `touches` expects a row; a class or the name of a type is none.
    return id === undefined && !isPartialRow(model) ? [] : this.#asked(model, type, previous);
  }

  #asked(row: unknown, type: string, previous: object | undefined): readonly Touched[] {
    const touches = this.#identifier.registration(type)?.touches as Touches | undefined;
    if (touches === undefined) return [];
    const named = (model: unknown): Touched => ({ model, identity: this.#identifier.identity(model) });
    if (!isPartialRow(previous) && !isPartialRow(row)) return listed(touches(row, previous)).map(named);
    const asked = new Set<string>();
    try {
      const touched = noteWhatAsks(() => listed(touches(row, previous)), asked);
      // If all that the function has read is known, a model without an id is a mistake.
      if (asked.size === 0) {
        return touched.map((model) => (isPartialRow(model) ? this.#partlyTouched(model) : named(model)));
      }
      const all = [...touched, ...touchedOtherwise(() => listed(touches(row, previous)), asked)];
      // It has decided by something unknown that it touches nothing. Nobody knows what it would touch otherwise.
      return all.length === 0 ? [ANYTHING] : all.map((model) => this.#partlyTouched(model));
    } catch (error) {
      if (asked.size === 0) throw error;
      // The function fails on unknown attributes, so it may touch anything.
      return [ANYTHING];
    }
  }

  /**
   * A partial row may touch a model whose id is unknown. Then all of its type is bumped; without a type, everything.
   */
  #partlyTouched(model: unknown): Touched {
    if (isUnknown(model)) return ANYTHING;
    try {
      return { model, identity: this.#identifier.identity(model) };
    } catch {
      const { type, constructor: made } = model as { readonly type?: unknown; readonly constructor?: unknown };
      // An instance may have an attribute of its own called `type`.
      const named = made === Object || typeof made !== 'function' ? type : made;
      if (typeof named !== 'string' && typeof named !== 'function') return ANYTHING;
      if (isUnknown(named)) return ANYTHING;
      return { model: partialRow({}), identity: { type: this.#identifier.identity(named).type, id: undefined } };
    }
  }
}

/**
 * What a function names where one of the unknown attributes that it reads is absent, or all of them. If it fails on that, it
 * has said all before.
 *
 * @param asked the attributes; gets those that it reads only then
 */
function touchedOtherwise(touches: () => readonly unknown[], asked: Set<string>): readonly unknown[] {
  const found: unknown[] = [];
  const ask = (absent: ReadonlySet<string>) => {
    try {
      found.push(...noteWhatAsks(touches, asked, absent).filter((model) => model !== undefined && model !== null));
    } catch {
      // Absent, it cannot be what the function goes on with.
    }
  };
  let ways = 0;
  for (const name of asked) if (++ways < MAX_WAYS) ask(new Set([name]));
  ask(asked);
  return found;
}

/** A plain row has what was selected of it, and `{ type, id }` nothing but these: what it has not got is unknown. */
function asLoaded<T>(row: T): T {
  const isRow = typeof row === 'object' && row !== null && isPlain(row) && !isPartialRow(row);
  return isRow ? (partialRow(row) as T) : row;
}

function listed(touched: unknown): readonly unknown[] {
  if (touched === undefined || touched === null) return [];
  return Array.isArray(touched) ? touched : [touched];
}

function tooMany(): Error {
  return badOption('touches', `at most ${MAX_TOUCHED} models that one model leads to`, 'more', {
    todo: 'name a class instead of its rows',
  });
}
