import { CacheSweeperError } from '../errors.ts';
import type { Identifier } from '../model/identity.ts';
import { HOOK } from './hook-options.ts';

/** Where the rows of a model are. */
export interface Place {
  /** The model's class, or the name of its type. */
  readonly model: object | string;
  readonly name: string;
  /** Equal for two sources of the same rows. */
  readonly table: unknown;
  /** Whether its source is in use. */
  isOpen(): boolean;
  /** What to do where both are the same database, which this source cannot tell. */
  readonly todo?: string;
}

const places = new WeakMap<Identifier, Map<object | string, Place>>();

/**
 * Refuses models whose rows come from two sources but would be taken for the same.
 *
 * @param hasTenant whether the rows of a model tell their source
 * @throws CacheSweeperError CACHESWEEPER_TYPE_CONFLICT
 */
export function claimPlaces(
  identifier: Identifier,
  claimed: readonly Place[],
  hasTenant: (name: string) => boolean,
): void {
  const claims = places.get(identifier) ?? new Map<object | string, Place>();
  for (const place of claimed) {
    const holder = claims.get(place.model);
    const isSame = holder === undefined || holder.table === place.table || !holder.isOpen();
    if (isSame || hasTenant(place.name)) continue;
    throw new CacheSweeperError(
      'CACHESWEEPER_TYPE_CONFLICT',
      `${HOOK}: rows of ${place.name} come from two databases or schemas: their fragments would be mixed up; ${place.todo ?? ''}use a ` +
        `sweeper with a namespace for each, or say the tenant: { models: { ${place.name}: { tenant: 'tenantId' } } }`,
    );
  }
  for (const place of claimed) claims.set(place.model, place);
  places.set(identifier, claims);
}
