import { CacheSweeperError } from '../errors.ts';
import type { Engine } from '../render/engine.ts';
import { ownPartsOf } from '../sweeper/parts.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';

/** Options of {@link panel}. */
export interface PanelOptions<R = unknown> {
  /**
   * Whether a request may see the panel. It is asked for each page and gets what the framework's handlers get: the request, or Koa's
   * context. It may be asynchronous and has 5 s. Who may not gets the page as if there were no panel. Default: everybody may; with
   * `NODE_ENV=production` it must be given.
   */
  readonly authorize?: (request: R) => boolean | PromiseLike<boolean>;
  /** Where the panel's own page is, without a `/` at its end. Default: `'/__cachesweeper'`. */
  readonly path?: string;
}

/** Options, checked. */
export interface PanelSettings {
  readonly engine: Engine;
  readonly authorize: ((request: unknown) => unknown) | undefined;
  readonly path: string;
  /** Tells errors to the option `onError`. */
  readonly report: (error: unknown) => void;
}

const WHAT = 'panel()';
const PATH = /^(?:\/[\w.~-]+)+$/;

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_PANEL */
export function checkPanel<R>(sweeper: CacheSweeper, options: PanelOptions<R>): PanelSettings {
  if (typeof sweeper?.stats !== 'function') throw badOption(WHAT, 'a CacheSweeper', describe(sweeper));
  if (typeof options !== 'object' || options === null) throw badOption(WHAT, 'an object of options', describe(options));
  checkNames(WHAT, options, ['authorize', 'path']);
  const { authorize, path = '/__cachesweeper' } = options;
  if (authorize !== undefined && typeof authorize !== 'function')
    throw badOption(`${WHAT} authorize`, 'a function', describe(authorize));
  if (typeof path !== 'string' || !PATH.test(path))
    throw badOption(`${WHAT} path`, 'a path such as "/__cachesweeper", of letters, digits and -._~', describe(path));
  if (authorize === undefined && process.env.NODE_ENV === 'production') throw notInProduction();
  const { engine, loading } = ownPartsOf(WHAT, sweeper);
  return { engine, authorize: authorize as PanelSettings['authorize'], path, report: (error) => loading.report(error) };
}

function notInProduction(): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_PANEL',
    'panel() expected an authorize function, because NODE_ENV is "production", and got none: everybody could see what the cache holds and ' +
      'empty it; give authorize, or use the panel in development only',
  );
}
