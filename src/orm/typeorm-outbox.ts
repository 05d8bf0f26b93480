import type { DataSource } from 'typeorm';
import type { OutboxDatabase } from '../outbox/database.ts';

/** Drivers that an outbox can be in, and whether a transaction can be told its isolation level. */
const DRIVERS: ReadonlyMap<string, boolean> = new Map([
  ['postgres', true],
  ['mysql', true],
  ['mariadb', true],
  ['sqlite', false],
  ['better-sqlite3', false],
  ['sqljs', false],
]);

/** Returns the database of a TypeORM data source for an outbox; undefined for a driver that it cannot be in. */
export function typeOrmDatabase(dataSource: DataSource): OutboxDatabase | undefined {
  const hasLevels = DRIVERS.get(dataSource.options.type);
  if (hasLevels === undefined) return undefined;
  return {
    query: (sql) =>
      hasLevels ? dataSource.transaction('READ COMMITTED', (manager) => manager.query(sql)) : dataSource.query(sql),
    isOpen: () => dataSource.isInitialized,
  };
}
