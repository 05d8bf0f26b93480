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
    async query(sql) {
      const sent = /^SELECT/.test(sql) ? client.$queryRawUnsafe(sql) : client.$executeRawUnsafe(sql);
      if (!hasLevels) return sent;
      const [result] = (await transact.call(client, [sent], { isolationLevel: 'ReadCommitted' })) as readonly unknown[];
      return result;
    },
    isOpen: () => true,
  };
}
