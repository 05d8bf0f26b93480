/** Where clients and ORMs keep the error of the database. */
const INNER = ['original', 'parent', 'driverError', 'cause'] as const;

/** Errors of PostgreSQL that are no answer to a statement: of the connection, of a server that ends, completion unknown. */
const NO_ANSWER = /^(08|57P|40003)/;

/** Errors of Prisma that are the database's answer, and not a time limit of its own. */
const PRISMA = /^P2(0[013]\d|02[0-35-7])$/;

/**
 * Whether an error is what the database answered to a statement, so that it does nothing more for it. Behind any other one, as a
 * connection that was lost or a time limit of the client, it may still carry it out.
 */
export function isDatabaseAnswer(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > INNER.length) return false;
  const { code, sqlState } = error as { readonly code?: unknown; readonly sqlState?: unknown };
  const state = typeof sqlState === 'string' ? sqlState : code;
  if (typeof state === 'string') {
    if (state.startsWith('SQLITE_') || PRISMA.test(state)) return true;
    // PostgreSQL's errors have a severity; those of the system (EPIPE) and of MySQL's clients do not look the same otherwise.
    const isServer = typeof sqlState === 'string' || 'severity' in error;
    if (isServer && /^[0-9A-Z]{5}$/.test(state)) return !NO_ANSWER.test(state);
  }
  return INNER.some((name) => isDatabaseAnswer((error as Readonly<Record<string, unknown>>)[name], depth + 1));
}
