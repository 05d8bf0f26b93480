import type { OutboxDatabase } from '../outbox/database.ts';
import type { Client, Transact } from './prisma-client.ts';

/** Providers that an outbox can be in, and whether a transaction can be told its isolation level. */
const PROVIDERS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  ['postgresql', true],
  ['postgres', true],
  ['mysql', true],
  ['sqlite', false],
]);

/**
 * Returns the database of a Prisma client for an outbox; undefined for a provider that it cannot be in.
 *
 * @param client the one that was constructed, without extensions
 * @param transact its own `$transaction`
 */
export function prismaDatabase(client: Client, transact: Transact): OutboxDatabase | undefined {
  const hasLevels = PROVIDERS.get(client._activeProvider);
  if (hasLevels === undefined) return undefined;
  return {
    query(sql) {
      const send = (on: Client) => (/^SELECT/.test(sql) ? on.$queryRawUnsafe(sql) : on.$executeRawUnsafe(sql));
      // An INSERT reads nothing. In a transaction of its own, many saves at once would wait longer than Prisma lets one wait (`maxWait`).
      if (!hasLevels || /^INSERT/.test(sql)) return send(client);
      // Not the list form, which sends a single statement outside of any transaction.
      return transact.call(client, send, { isolationLevel: 'ReadCommitted' });
    },
    isOpen: () => true,
  };
}
