import type { WholeRequest } from './lifecycle.ts';

/** Returns the objects that show who the visitor is, under the names that all frameworks share. */
export function visitorsOf(request: WholeRequest): readonly object[] {
  const known = Object.create(request, {
    // hapi's own object, which is there for everybody.
    auth: { value: undefined },
    user: { get: () => request.auth.credentials ?? (request as { readonly user?: unknown }).user },
    isAuthenticated: { get: () => request.auth.isAuthenticated },
  }) as object;
  if (request.yar !== undefined) Object.defineProperty(known, 'session', { get: () => sessionOf(request.yar) });
  return [known, request.app];
}

/** Returns the objects that hold tokens against forgery. */
export function tokensOf({ app, plugins }: WholeRequest): readonly object[] {
  const { crumb } = plugins as { readonly crumb?: unknown };
  return [app, { csrfToken: Array.isArray(crumb) ? crumb[0] : crumb }];
}

/** What a session of @hapi/yar holds. yar tells it by name only, so take it from where yar keeps it. */
function sessionOf(yar: unknown): object | undefined {
  if (typeof yar !== 'object' || yar === null || !('_store' in yar)) return UNKNOWN;
  const { _store: store, id, ...others } = yar as Record<string, unknown>;
  // A route may have no session.
  if (store === null || store === undefined) return undefined;
  if (typeof store !== 'object') return UNKNOWN;
  const lazy = Object.entries(others).filter(([name, value]) => !name.startsWith('_') && typeof value !== 'function');
  const held: Record<string, unknown> = { ...Object.fromEntries(lazy), ...store };
  // It stays behind when all messages have been shown.
  if (isEmpty(held._flash)) delete held._flash;
  return Object.defineProperty(held, 'id', { value: id });
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** A session of which nothing can be told. */
const UNKNOWN: object = {
  toJSON(): never {
    throw new Error('unknown session');
  },
};
