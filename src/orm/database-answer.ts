/** Where clients and ORMs keep the error of the database. */
const INNER = ['original', 'parent', 'driverError', 'cause'] as const;

/** Errors of PostgreSQL that are no answer to a statement: of the connection, of a server that ends, completion unknown. */
const NO_ANSWER = /^(08|57P|40003)/;

/** Errors of Prisma that are the database's answer, and not a time limit of its own. */
const PRISMA = /^P2(0[013]\d|02[0-35-7])$/;

/** Errors of clients and ORMs that could not reach the database: of its address, its port, an empty pool. */
const UNREACHED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|P100[0-3]|P2024)$/;
/** Errors of ORMs that refuse a statement before they send it, or have no connection for it. */
const REFUSED =
  /^(TypeError|PrismaClient(Validation|Initialization)Error|Sequelize(ConnectionRefused|HostNotFound|ConnectionAcquireTimeout)Error)$/;
/** What Knex says where it has no name for it. */
const REFUSED_BY_KNEX = /^Undefined binding|acquiring a connection/;

/** Whether an error says that a statement was never sent, so that nothing was written. */
export function isUnsent(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > INNER.length) return false;
  const { code, name, message } = error as Readonly<Record<string, unknown>>;
  if (UNREACHED.test(String(code)) || REFUSED.test(String(name)) || REFUSED_BY_KNEX.test(String(message))) return true;
  return INNER.some((inner) => isUnsent((error as Readonly<Record<string, unknown>>)[inner], depth + 1));
}

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
