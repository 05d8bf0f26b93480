import { ownName } from '../model/names.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { isPlain } from '../util/plain.ts';
import type { Routes } from './routes.ts';
import { byName, byParams, byPath, onHost, type Params, viewIdentity } from './view-names.ts';

/**
 * The views to invalidate: those of a path, with any query, or those of a named route, optionally only with certain
 * parameters.
 */
export type ViewTarget =
  | string
  | { readonly path: string; readonly host?: string }
  | { readonly name: string; readonly params?: Params; readonly host?: string };

/** Result of {@link CacheSweeper.expireView}. */
export interface ExpiredViews {
  /** Names that were bumped. */
  readonly names: readonly string[];
  /** Paths of these views, for a CDN or a log. Empty for a name whose route this process does not know. */
  readonly urls: readonly string[];
}

/**
 * Returns the names and paths of the views to invalidate.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when the target is malformed or its parameters do not fit the route
 */
export function expiredBy(target: ViewTarget, routes: Routes): ExpiredViews {
  const { host, path, name, params } = checked(target);
  const urls =
    path !== undefined ? [path] : name !== undefined && params !== undefined ? routes.urls(name, params) : [];
  const ids = urls.map(byPath);
  if (name !== undefined) ids.push(params === undefined ? byName(name) : byParams(name, params));
  const onHosts = host === undefined ? ids : ids.map((id) => onHost(host, id));
  return { names: onHosts.map((id) => ownName(viewIdentity(id))), urls };
}

interface Checked {
  readonly host?: string;
  readonly path?: string;
  readonly name?: string;
  readonly params?: Params;
}

function checked(target: unknown): Checked {
  const { path, name, params, host, ...others } = (typeof target === 'string' ? { path: target } : (target ?? {})) as {
    readonly [K in keyof Checked]: unknown;
  };
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  const valid =
    Object.keys(others).length === 0 &&
    (path === undefined) !== (name === undefined) &&
    (path === undefined || (typeof path === 'string' && path.startsWith('/') && params === undefined)) &&
    (name === undefined || isText(name)) &&
    (host === undefined || isText(host)) &&
    (params === undefined || (typeof params === 'object' && params !== null && isPlain(params)));
  if (valid) return { path, name, params, host } as Checked;
  throw badOption(
    'expireView()',
    'a path that begins with "/", { path, host } or { name, params, host }',
    describe(target),
  );
}
