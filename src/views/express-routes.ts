import { randomUUID } from 'node:crypto';

/** A router of Express 4 or 5, as far as it is used here. */
interface Router {
  readonly stack?: readonly { readonly route?: object; readonly handle?: unknown }[];
}

const known = new WeakMap<object, string>();

/**
 * Returns a text that tells one route from all others, even where their patterns and the code of their handlers are the
 * same: its place in the application's routers, which is the same in all processes. A route that cannot be found there
 * gets one that no other process has.
 */
export function placeOf(route: unknown, app: unknown): string {
  if (typeof route !== 'object' || route === null) return '';
  let place = known.get(route);
  if (place === undefined) {
    const { _router, ...others } = app as { readonly _router?: unknown; readonly router?: unknown };
    // Express 4 throws an error when `router` is read.
    place = search(_router ?? (app as typeof others).router, route, new Set()) ?? randomUUID();
    known.set(route, place);
  }
  return place;
}

function search(router: unknown, route: object, seen: Set<unknown>): string | undefined {
  const { stack } = (router ?? {}) as Router;
  if (!Array.isArray(stack) || seen.has(stack)) return undefined;
  seen.add(stack);
  for (const [i, layer] of (stack as NonNullable<Router['stack']>).entries()) {
    if (layer.route === route) return `${i}`;
    const inner = layer.route === undefined ? search(layer.handle, route, seen) : undefined;
    if (inner !== undefined) return `${i}.${inner}`;
  }
  return undefined;
}
