/** What each of the package's stores tells of one connection. */
export interface ConnectionStats {
  readonly state: string;
  readonly refused: number;
  readonly dropped: number;
  readonly failures: number;
}

/**
 * Returns what a store tells of its connections: of each server of Memcached by its address, of Redis as `tokens` and `entries`, of a
 * SQL database as `database`. Of other stores those that tell the same, at the same places.
 */
export function connectionsOf(store: object | undefined): readonly (readonly [name: string, ConnectionStats])[] {
  if (store === undefined) return [];
  if (isConnection(store)) return [['database', store]];
  const { servers } = store as { readonly servers?: unknown };
  const parts = Object.entries(typeof servers === 'object' && servers !== null ? servers : store);
  return parts.flatMap(([name, part]) => (isConnection(part) ? [[name, part] as const] : []));
}

/** Returns how many entries the store has refused because they were too large; undefined where it does not tell. */
export function tooLargeOf(store: object | undefined): number | undefined {
  const { tooLarge } = (store ?? {}) as { readonly tooLarge?: unknown };
  return typeof tooLarge === 'number' ? tooLarge : undefined;
}

function isConnection(value: unknown): value is ConnectionStats {
  if (typeof value !== 'object' || value === null) return false;
  const { state, refused, dropped, failures } = value as Partial<Record<keyof ConnectionStats, unknown>>;
  return typeof state === 'string' && [refused, dropped, failures].every((count) => typeof count === 'number');
}
