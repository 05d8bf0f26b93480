import type { WholeRequest } from './lifecycle.ts';

/** Names under which extensions leave a visitor or a session on the request itself. */
interface Named {
  readonly user?: unknown;
  readonly currentUser?: unknown;
  readonly account?: unknown;
  readonly session?: unknown;
  readonly sessionID?: unknown;
  readonly sessionId?: unknown;
}

/** Who the visitor of a request is, under the names that all frameworks share. */
class Visitor implements Named {
  readonly #request: WholeRequest & Named;
  readonly #yar: unknown;

  constructor(request: WholeRequest) {
    this.#request = request;
    this.#yar = request.yar;
  }

  get user(): unknown {
    return this.#request.auth.credentials ?? this.#request.user;
  }

  get isAuthenticated(): boolean {
    return this.#request.auth.isAuthenticated;
  }

  get currentUser(): unknown {
    return this.#request.currentUser;
  }

  get account(): unknown {
    return this.#request.account;
  }

  get session(): unknown {
    return this.#yar === undefined ? this.#request.session : sessionOf(this.#yar);
  }

  get sessionID(): unknown {
    return this.#request.sessionID;
  }

  get sessionId(): unknown {
    return this.#request.sessionId;
  }
}

/** Returns the objects that show who the visitor is. */
export function visitorsOf(request: WholeRequest): readonly object[] {
  return [new Visitor(request), request.app];
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
