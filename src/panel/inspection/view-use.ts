import type { Entry } from '../../cache/entry.ts';
import { dependencyNames, ownName } from '../../model/names.ts';
import type { InspectedView, ViewServedFrom } from '../../render/inspect.ts';
import { describeCause } from '../../reporting/cause.ts';
import { isHoleName } from '../../views/http/open-places.ts';
import { viewOf } from '../../views/http/stored-view.ts';
import { ABSENT } from '../../views/reads/request-values.ts';
import { bounded, type Kept, MAX_SHOWN, placeOf, type ShownHole, splitNames } from './fragment-use.ts';

/** What the panel shows of a whole view. */
export interface ShownView {
  /** `miss` as well while it is not known yet whether the view is stored. */
  readonly outcome: InspectedView['report']['outcome'];
  /** Why it was not stored, or the cache took no part. */
  readonly reason: string | undefined;
  /** Why it was not found. */
  readonly cause: string | undefined;
  /** Milliseconds, as those of a fragment. Undefined where the cache took no part. */
  readonly cost: number | undefined;
  readonly lookup: number | undefined;
  readonly netBenefit: number | undefined;
  /** Undefined where nothing was looked for. Without names on which it depends nothing is kept. */
  readonly kept: (Omit<Kept, 'models' | 'madeAfter'> & { readonly models: readonly string[] }) | undefined;
}

/** The request for a whole view that a page is. It keeps neither the entry nor objects of the page. */
export class ViewUse {
  #told: Omit<InspectedView, 'from'> | undefined;
  #from: ShownView['kept'];
  /** Models of the view's options. */
  #models: ViewServedFrom['models'] = [];

  tell({ from, ...told }: InspectedView): void {
    this.#told = told;
    this.#models = from?.models.slice(0, MAX_SHOWN) ?? [];
    this.#from = from && keptOf(from);
  }

  /** The path whose views can be expired. A panel that is mounted sees a part of it. Undefined where nothing was looked for. */
  get path(): string | undefined {
    return this.#from && this.#told?.report.target.split('?', 1)[0];
  }

  get models(): ViewServedFrom['models'] {
    return this.#models;
  }

  /** Whether it is not told yet what became of it, or the store may still tell who has invalidated it. */
  get isIncomplete(): boolean {
    const cause = this.#told?.report.cause;
    return this.#told === undefined || (cause?.why === 'bumped' && cause.bump === undefined);
  }

  /** @param now when the page was asked for */
  shown(now: number): ShownView {
    const { report, cost, lookup } = this.#told ?? {};
    const { outcome = 'miss', reason, detail, cause } = report ?? {};
    return {
      outcome,
      reason: reason === undefined ? undefined : bounded(detail === undefined ? reason : `${reason}: ${detail}`),
      cause: cause && describeCause(cause, now),
      cost,
      lookup,
      netBenefit: lookup === undefined ? undefined : (outcome === 'hit' ? (cost ?? 0) : 0) - lookup,
      kept: this.#from,
    };
  }
}

function keptOf({ entry, identities, models, keys, vary, reads }: ViewServedFrom): ShownView['kept'] {
  const view = entry && viewOf(entry);
  return {
    models: models.slice(0, MAX_SHOWN).map(ownName).map(bounded),
    keys: bounded(keys),
    using: vary === '[[]]' ? '[]' : bounded(vary),
    reads: reads
      .slice(0, MAX_SHOWN)
      .map(([name, value]) => ({ paths: [bounded(name)], value: value === ABSENT ? 'not there' : bounded(value) })),
    ...splitNames(entry?.dependencies ?? [], [...identities, ...models].flatMap(dependencyNames)),
    expires: entry === undefined || !Number.isFinite(entry.expires) ? undefined : entry.expires,
    made: view !== undefined && 'body' in view ? view.created : undefined,
    holes: entry === undefined ? [] : holesOf(entry),
  };
}

/** Returns the holes of a view, and what else of each visitor is put into it. */
function holesOf(entry: Entry): readonly ShownHole[] {
  const view = viewOf(entry);
  if (view === undefined || !('body' in view)) return [];
  const { holes, open, openHeaders } = view;
  const replaced = [...open, ...openHeaders].map(({ name }) => name).filter((name) => !isHoleName(name));
  // One in a loop stands at many places.
  const places = new Set([...holes.map(placeOf), ...replaced.map((name) => `${bounded(name)}, replaced`)]);
  return [...places].slice(0, MAX_SHOWN).map((place) => ({ place, passed: '', shows: undefined }));
}
