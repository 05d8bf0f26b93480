import type { CacheSweeper } from '../sweeper.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { checkCredentials } from './rules.ts';

/** Options of {@link httpModels}. */
export interface HttpModelsOptions {
  /**
   * Consequence of a bump that the store does not acknowledge, after a write. `false` (the default): it is reported to `onError` and
   * retried in the background. `true`: the promise of the write rejects as well; the API has carried it out nevertheless.
   */
  readonly strict?: boolean;
  /**
   * Whose the `Authorization` and `Cookie` of requests are. `'visitor'` (the default): a lazy or view that reads with them is not
   * stored, because the answer may be one visitor's own. `'site'`: the site's own key, with which all visitors are shown the same.
   */
  readonly credentials?: 'visitor' | 'site';
  /** The `fetch` that {@link HttpModels.fetch} calls. Default: the global one. */
  readonly fetch?: typeof fetch;
}

const WHAT = 'httpModels()';

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
export function checkOptions(sweeper: CacheSweeper, options: HttpModelsOptions): void {
  if (typeof sweeper?.beginTransaction !== 'function') throw badOption(WHAT, 'a CacheSweeper', describe(sweeper));
  if (typeof options !== 'object' || options === null) throw badOption(WHAT, 'an object of options', describe(options));
  checkNames(WHAT, options, ['strict', 'credentials', 'fetch']);
  const { strict = false, credentials, fetch } = options;
  if (typeof strict !== 'boolean') throw badOption(`${WHAT} strict`, 'true or false', describe(strict));
  checkCredentials(`${WHAT} credentials`, credentials);
  if (fetch !== undefined && typeof fetch !== 'function')
    throw badOption(`${WHAT} fetch`, 'a function', describe(fetch));
}
