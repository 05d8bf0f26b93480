import type { UncertainWrites } from '../invalidation/uncertain-writes.ts';
import type { Listeners } from '../listeners.ts';
import type { Identifier } from '../model/identity.ts';
import type { Outbox } from '../outbox/outbox.ts';
import type { Engine } from '../render/engine.ts';
import type { Loading } from '../render/loading.ts';
import { badOption } from '../util/check-option.ts';

/** What other entry points of this package use of a sweeper. Properties of the sweeper would be seen by its users. */
export interface SweeperParts {
  /** Knows the models. */
  readonly identifier: Identifier;
  /** Is told by clients of HTTP APIs what they load. */
  readonly loading: Loading;
  /** Passes on reports, and can be listened to beside the site. */
  readonly listeners: Listeners;
  /** Renders the pages. */
  readonly engine: Engine;
  /** Bumps what is written without an answer. */
  readonly uncertain: UncertainWrites;
  /** Undefined without the option. */
  readonly outbox: Outbox | undefined;
}

const partsOfSweepers = new WeakMap<object, SweeperParts>();

/** Makes the parts of a sweeper known. */
export function keepParts(sweeper: object, parts: SweeperParts): void {
  partsOfSweepers.set(sweeper, parts);
}

/** Returns the parts of a sweeper; undefined for one of another copy of this package, and for any other value. */
export function partsOf(sweeper: object): SweeperParts | undefined {
  return partsOfSweepers.get(sweeper);
}

/**
 * Returns the parts of a sweeper.
 *
 * @param what takes the sweeper, for the error
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION for a sweeper of another copy of this package
 */
export function ownPartsOf(what: string, sweeper: object): SweeperParts {
  const parts = partsOf(sweeper);
  if (parts !== undefined) return parts;
  throw badOption(what, 'a CacheSweeper of the same copy of this package', 'one of another copy', {
    todo: 'npm ls nunjucks-cachesweeper shows where the copies are',
  });
}
